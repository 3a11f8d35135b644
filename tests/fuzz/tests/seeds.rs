//! Every decoder holds for the committed seeds: those of the specification and of real devices, and all bytes for which
//! one did not hold once.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use homeward_fuzz::TARGETS;

fn entries(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_decoder_holds_for_every_seed() {
    for (target, check) in TARGETS {
        let seeds = entries(&format!("seeds/{target}"));
        assert!(!seeds.is_empty(), "{target} has no seeds");
        for seed in seeds {
            let data = std::fs::read(&seed).unwrap();
            let held = std::panic::catch_unwind(|| check(&data));
            assert!(held.is_ok(), "{target}: {}", seed.display());
        }
    }
}

/// Wrong bytes for each decoder, too: those of all the others.
#[test]
fn every_decoder_holds_for_the_seeds_of_the_others() {
    let seeds = TARGETS.iter().flat_map(|(target, _)| entries(&format!("seeds/{target}"))).collect::<Vec<_>>();
    for seed in seeds {
        let data = std::fs::read(&seed).unwrap();
        for (target, check) in TARGETS {
            let held = std::panic::catch_unwind(|| check(&data));
            assert!(held.is_ok(), "{target}: {}", seed.display());
        }
    }
}

#[test]
fn every_target_has_its_program_and_its_seeds_and_nothing_else_is_there() {
    let known = TARGETS.iter().map(|(target, _)| (*target).to_owned()).collect::<BTreeSet<_>>();
    let names = |folder: &str| {
        let stem = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
        entries(folder).iter().map(stem).collect::<BTreeSet<_>>()
    };
    assert_eq!(names("targets"), known);
    assert_eq!(names("seeds"), known);
}

/// The programs are not built here: libFuzzer's crate would have half of the tree built a second time, with its features.
/// So they hold nothing that could cease to build.
#[test]
fn every_program_does_nothing_but_run_its_check() {
    for path in entries("targets") {
        let target = path.file_stem().unwrap().to_string_lossy();
        let expected = format!(
            "#![no_main]\n#![doc = \"See `homeward_fuzz::{target}`.\"]\n\n\
             libfuzzer_sys::fuzz_target!(|data: &[u8]| homeward_fuzz::{target}::check(data));\n"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected, "{}", path.display());
    }
}
