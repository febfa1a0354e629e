pub mod model;
pub mod scripts;
pub mod store;
