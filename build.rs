fn main() {
    napi_build::setup();
    // Node unloads an addon with the last worker that used it, while our background threads still run its code.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
