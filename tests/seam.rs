//! The seam of the stores: code above it names no store, so that a further store changes nothing there.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed, which is what a test is for")]

use std::fs;
use std::path::{Path, PathBuf};

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let below = folders.iter().flat_map(|folder| rust_files(folder));
    files.into_iter().chain(below).filter(|path| path.extension().is_some_and(|name| name == "rs")).collect()
}

/// The lines of code, with their numbers, that name one of the stores.
fn names_of_stores(source: &str) -> Vec<usize> {
    let code = source.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    let names = |line: &str| {
        let words: Vec<_> = line.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
        let leads_below = line.contains("store") && words.iter().any(|word| ["redis", "embedded"].contains(word));
        leads_below || ["EmbeddedStore", "MemoryStore", "Fleet", "Wire"].iter().any(|name| words.contains(name))
    };
    code.filter(|(_, line)| names(line)).map(|(index, _)| index + 1).collect()
}

#[test]
fn no_room_above_the_stores_names_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for room in ["lease", "session", "seal", "node", "uv"] {
        let files = rust_files(&root.join(room));
        assert!(!files.is_empty(), "{room} has no files");
        for file in files {
            let lines = names_of_stores(&fs::read_to_string(&file).unwrap());
            assert!(lines.is_empty(), "{} names a store in line {lines:?}", file.display());
        }
    }
}

#[test]
fn a_name_of_a_store_is_found_in_code_and_not_in_comments() {
    assert_eq!(names_of_stores("use crate::store::redis::fleet::Fleet;"), [1]);
    assert_eq!(names_of_stores("// store::redis\nuse crate::store::{Ask, embedded};"), [2]);
    assert_eq!(names_of_stores("use crate::store::{AnyStore, Store as _};"), [0; 0]);
}
