//! `docs/protocol.md`: each requirement of the specification, what it asks, the file that does it, the test that shows it.
//!
//! The table's rows begin `| RA-1 |`. In code marks stand paths of files (`crates/…/jid.rs`) and tests
//! (`crates/…/jid.rs::name_of_the_test`), at least one of each in every row; all must exist.

use crate::tree::{Failure, Tree};

/// RA-1 … RA-22.
const REQUIREMENTS: usize = 22;

pub(super) fn holds(tree: &Tree) -> Result<(), Failure> {
    let page = super::read(&tree.path("docs/protocol.md"))?;
    let text_of = |path: &str| super::read(&tree.path(path)).ok();
    super::none(gaps(&page, &text_of))
}

/// What the page leaves out or gets wrong. `text_of` gives the text of a file, if there is one.
fn gaps(page: &str, text_of: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for number in 1..=REQUIREMENTS {
        let id = format!("RA-{number}");
        let row = page.lines().find(|line| {
            line.strip_prefix('|').and_then(|rest| rest.split('|').next()).is_some_and(|cell| cell.trim() == id)
        });
        let Some(row) = row else {
            found.push(format!("docs/protocol.md: there is no row for {id}"));
            continue;
        };
        // Every second piece stands between code marks; of those, only paths concern us.
        let marked = row.split('`').skip(1).step_by(2);
        let (mut files, mut tests) = (0, 0);
        for reference in marked.filter(|text| text.contains('/') && text.contains('.') && !text.contains(' ')) {
            let (path, test) = match reference.split_once("::") {
                Some((path, test)) => (path, Some(test)),
                None => (reference, None),
            };
            if !is_source(path) {
                continue;
            }
            let Some(text) = text_of(path) else {
                found.push(format!("docs/protocol.md: {id}: {path} does not exist"));
                continue;
            };
            match test {
                None => files += 1,
                Some(name) if has_test(&text, name) => tests += 1,
                Some(name) => found.push(format!("docs/protocol.md: {id}: {path} has no test {name}")),
            }
        }
        if files == 0 {
            found.push(format!("docs/protocol.md: {id} names no file that does it"));
        }
        if tests == 0 {
            found.push(format!("docs/protocol.md: {id} names no test that shows it"));
        }
    }
    found
}

fn is_source(path: &str) -> bool {
    [".rs", ".ts", ".svelte", ".py"].iter().any(|ending| path.ends_with(ending))
}

/// Whether a `#[test]` function (also `#[tokio::test]` and in `proptest!`) or a vitest test has that name.
fn has_test(text: &str, name: &str) -> bool {
    let name = name.rsplit("::").next().unwrap_or(name);
    let function = format!("fn {name}(");
    let lines = text.lines().collect::<Vec<_>>();
    let function_is_test = lines.iter().position(|line| line.contains(&function)).is_some_and(|at| {
        let above = lines.get(at.saturating_sub(6)..at).unwrap_or_default();
        above.iter().any(|line| line.contains("#[test]") || line.contains("::test"))
    });
    function_is_test || ["\"", "'", "`"].iter().any(|mark| text.contains(&format!("({mark}{name}{mark}")))
}

#[cfg(test)]
mod tests {
    use super::gaps;

    fn page(row: &str) -> String {
        let others = (2..=22).map(|n| format!("| RA-{n} | asks | `crates/a.rs` | `crates/a.rs::shows_it` |\n"));
        format!("# Title\n{row}\n{}", others.collect::<String>())
    }

    fn tree(path: &str) -> Option<String> {
        (path == "crates/a.rs").then(|| "fn does() {}\n#[test]\nfn shows_it() {}\n".to_owned())
    }

    #[test]
    fn a_full_table_has_no_gaps() {
        let row = "| RA-1 | asks `oic.ra.xmpp` | `crates/a.rs` | `crates/a.rs::shows_it` |";
        assert_eq!(gaps(&page(row), &tree), Vec::<String>::new());
    }

    #[test]
    fn a_missing_row_file_or_test_is_named() {
        assert_eq!(gaps(&page(""), &tree), ["docs/protocol.md: there is no row for RA-1"]);
        let found = gaps(&page("| RA-1 | asks | `crates/b.rs` | `crates/a.rs::gone` |"), &tree);
        assert!(found.contains(&"docs/protocol.md: RA-1: crates/b.rs does not exist".to_owned()), "{found:?}");
        assert!(found.contains(&"docs/protocol.md: RA-1: crates/a.rs has no test gone".to_owned()), "{found:?}");
    }

    #[test]
    fn a_function_that_is_no_test_shows_nothing() {
        let found = gaps(&page("| RA-1 | asks | `crates/a.rs` | `crates/a.rs::does` |"), &tree);
        assert!(found.contains(&"docs/protocol.md: RA-1: crates/a.rs has no test does".to_owned()), "{found:?}");
    }
}
