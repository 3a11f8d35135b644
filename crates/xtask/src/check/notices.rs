//! Licences whose text asks to be told: every crate under the MPL stands in `THIRD-PARTY-NOTICES.md`.

use serde_json::Value;

use crate::tree::{Failure, Tree, output_of};

pub(super) fn are_complete(tree: &Tree) -> Result<(), Failure> {
    let notices = super::read(&tree.path("THIRD-PARTY-NOTICES.md"))?;
    let metadata = output_of(&mut tree.cargo(&["metadata", "--locked", "--format-version", "1"]))?;
    let metadata = serde_json::from_str::<Value>(&metadata).unwrap_or_default();
    let packages = metadata.get("packages").and_then(Value::as_array).cloned().unwrap_or_default();
    if packages.is_empty() {
        return Err(Failure::Found(vec!["cargo metadata names no packages".to_owned()]));
    }
    let text = |package: &Value, field: &str| package.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for package in &packages {
        let (name, license) = (text(package, "name"), text(package, "license"));
        if license.contains("MPL") && !license.contains("OR") && !notices.contains(&format!("`{name}`")) {
            found.push(format!("{name} is under {license}, and THIRD-PARTY-NOTICES.md does not name it"));
        }
    }
    super::none(found)
}
