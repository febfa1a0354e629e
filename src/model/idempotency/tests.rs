//! The table of design.md section 2, cell by cell.
