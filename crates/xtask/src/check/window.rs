//! The UI's rules: who may import whom, and what its bundle may not hold.

use std::path::Path;

use crate::tree::{Failure, Tree};

/// The one file that may import Tauri's packages.
const TAURI_HOST: &str = "host/tauri.ts";
/// The host for tests and for a plain browser.
const FAKE_HOST: &str = "host/fake.ts";
/// Shorter texts of the fake host can stand elsewhere by chance.
const TELLING_LENGTH: usize = 12;

/// `parts` ← screens ← `App`; screens do not import each other; Tauri only in [`TAURI_HOST`].
pub(super) fn imports_hold(tree: &Tree) -> Result<(), Failure> {
    let sources = tree.path("ui/src");
    let mut found = Vec::new();
    for path in super::files(&sources, &[".ts", ".svelte"])? {
        let name = path.strip_prefix(&sources).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        let text = super::read(&path)?;
        found.extend(imports(&text).filter_map(|import| offence(&name, import)));
    }
    super::none(found)
}

/// The quoted module of every `import … from "…"`, `export … from "…"`, `import "…"` and `import("…")`.
fn imports(text: &str) -> impl Iterator<Item = &str> {
    let after = |word: &'static str| text.split(word).skip(1);
    let all = ["from \"", "from '", "import \"", "import '", "import(\"", "import('"].into_iter().flat_map(after);
    all.filter_map(|rest| rest.split(['"', '\'']).next())
}

fn offence(file: &str, import: &str) -> Option<String> {
    if import.starts_with("@tauri-apps/") {
        return (file != TAURI_HOST).then(|| format!("ui/src/{file} imports {import}; only {TAURI_HOST} may"));
    }
    let from = file.split_once('/').map_or("", |(folder, _)| folder);
    let to = folder_of(file, import)?;
    let screens = ["onboarding", "dashboard"];
    let crossing = screens.contains(&from) && screens.contains(&to.as_str()) && from != to;
    let upward = from == "parts" && screens.contains(&to.as_str());
    (crossing || upward).then(|| format!("ui/src/{file} imports {import}; {from}/ must not know {to}/"))
}

/// The folder of `ui/src` that a relative import leads into; `None` for a package, or a file in `ui/src` itself.
fn folder_of(file: &str, import: &str) -> Option<String> {
    if !import.starts_with('.') {
        return None;
    }
    let mut parts = file.split('/').collect::<Vec<_>>();
    parts.pop();
    for part in import.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    (parts.len() > 1).then(|| parts.first().map(|folder| (*folder).to_owned())).flatten()
}

/// The bundle that goes into the app holds none of the fake host's texts, and does hold the real host's.
pub(super) fn bundle_is_real(tree: &Tree) -> Result<(), Failure> {
    let source = tree.path("ui/src");
    let fake = super::read(&source.join(FAKE_HOST))?;
    let mut elsewhere = String::new();
    for path in super::files(&source, &[".ts", ".svelte"])? {
        if !path.ends_with(FAKE_HOST) && !path.to_string_lossy().ends_with(".test.ts") {
            elsewhere.push_str(&super::read(&path)?);
        }
    }
    let telling = texts(&fake).filter(|text| !elsewhere.contains(text)).collect::<Vec<_>>();
    if telling.len() < 3 {
        return Err(Failure::Found(vec![format!("ui/src/{FAKE_HOST} holds no text by which to know it in a bundle")]));
    }
    let bundle = bundle(&tree.path("ui/dist"))?;
    let mut found = telling
        .iter()
        .filter(|text| bundle.contains(**text))
        .map(|text| format!("ui/dist holds {text:?} of ui/src/{FAKE_HOST}"))
        .collect::<Vec<_>>();
    // Tauri's own package calls this, whatever it is minified to; without it this is no bundle of the app at all.
    if !bundle.contains("__TAURI_INTERNALS__") {
        found.push("ui/dist holds no call of Tauri".to_owned());
    }
    super::none(found)
}

/// Each command that the UI calls is one that the window may call: a call that is not allowed fails only when it is made.
pub(super) fn commands_are_allowed(tree: &Tree) -> Result<(), Failure> {
    let host = super::read(&tree.path("ui/src").join(TAURI_HOST))?;
    let allowed = super::read(&tree.path("src-tauri/capabilities/main.json"))?;
    let refused = commands(&host).filter(|command| !allowed.contains(&permission(command)));
    super::none(refused.map(|command| format!("{TAURI_HOST} calls {command}, which no capability allows")).collect())
}

fn commands(host: &str) -> impl Iterator<Item = &str> {
    host.split("invoke(\"").skip(1).filter_map(|rest| rest.split('"').next())
}

/// As a capability names it, in quotes.
fn permission(command: &str) -> String {
    format!("\"allow-{}\"", command.replace('_', "-"))
}

fn bundle(folder: &Path) -> Result<String, Failure> {
    super::files(folder, &[".js", ".html"])?.iter().map(|path| super::read(path)).collect()
}

/// The plain texts in double quotes of a TypeScript file, those long enough to tell.
fn texts(source: &str) -> impl Iterator<Item = &str> {
    let lines = source.lines().filter(|line| !line.trim_start().starts_with(['*', '/']) && !line.contains("import "));
    lines.flat_map(|line| line.split('"').skip(1).step_by(2)).filter(|text| {
        text.len() >= TELLING_LENGTH && text.chars().all(|c| c.is_ascii() && c != '\\' && c != '\'' && c != '`')
    })
}

#[cfg(test)]
mod tests {
    use super::{commands, imports, offence, permission, texts};

    #[test]
    fn screens_do_not_know_each_other_and_parts_know_no_screen() {
        assert!(offence("onboarding/Wizard.svelte", "../dashboard/Tile.svelte").is_some());
        assert!(offence("dashboard/tile/Switch.svelte", "../../onboarding/step").is_some());
        assert!(offence("parts/Button.svelte", "../dashboard/Tile.svelte").is_some());
        assert!(offence("dashboard/Dashboard.svelte", "../parts/Button.svelte").is_none());
        assert!(offence("dashboard/Dashboard.svelte", "./onboarding/x").is_none());
        assert!(offence("App.svelte", "./onboarding/Wizard.svelte").is_none());
    }

    #[test]
    fn tauri_is_imported_in_one_file_only() {
        assert!(offence("host/tauri.ts", "@tauri-apps/api/core").is_none());
        assert!(offence("dashboard/Dashboard.svelte", "@tauri-apps/api/core").is_some());
    }

    #[test]
    fn imports_are_found_in_every_form() {
        let text =
            "import { a } from \"./a\";\nexport * from './b';\nimport \"./c.css\";\nconst d = await import('./d');";
        let mut found = imports(text).collect::<Vec<_>>();
        found.sort_unstable();
        assert_eq!(found, ["./a", "./b", "./c.css", "./d"]);
    }

    #[test]
    fn commands_are_found_and_named_as_their_permissions() {
        let host = "giveUp: (id) => invoke(\"give_up\", { id }),\n  snapshot: () => invoke(\"snapshot\"),";
        let found = commands(host).map(permission).collect::<Vec<_>>();
        assert_eq!(found, ["\"allow-give-up\"", "\"allow-snapshot\""]);
    }

    #[test]
    fn telling_texts_are_long_and_not_module_names() {
        let source = "import { x } from \"./a/long/module/name\";\n// \"said in a comment\"\nf(\"short\", \"kitchen ceiling lamp\");";
        assert_eq!(texts(source).collect::<Vec<_>>(), ["kitchen ceiling lamp"]);
    }
}
