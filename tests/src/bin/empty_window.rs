//! `empty-window`: a Tauri window with one sentence in it and nothing behind it: what `start` is compared with.
//!
//! Same size, same kind of address (`tauri://`), same builder as the app's; no plugins, no commands, no scripts.
#![allow(clippy::panic)]

use std::borrow::Cow;

use tauri::utils::acl::resolved::Resolved;
use tauri::utils::assets::{AssetKey, AssetsIter, CspHash};
use tauri::utils::config::{Config, WindowConfig};
use tauri::{App, AppHandle, Assets, Context, PackageInfo, Pattern, RunEvent, Wry};

const PAGE: &[u8] = b"<!doctype html><html lang='en'><title>Empty</title><body style='font: 32px sans-serif'>
<p>There is nothing behind this window, and there are no scripts in it.</p></body></html>";

/// One page, whatever is asked for.
struct OnePage;

impl Assets<Wry> for OnePage {
    fn setup(&self, _: &App<Wry>) {}

    fn get(&self, _: &AssetKey) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Borrowed(PAGE))
    }

    fn iter(&self) -> Box<AssetsIter<'_>> {
        Box::new(std::iter::once((Cow::Borrowed("index.html"), Cow::Borrowed(PAGE))))
    }

    fn csp_hashes(&self, _: &AssetKey) -> Box<dyn Iterator<Item = CspHash<'_>> + '_> {
        Box::new(std::iter::empty())
    }
}

fn main() {
    let window = WindowConfig { width: 1280.0, height: 860.0, ..WindowConfig::default() };
    let mut config = Config { identifier: "io.github.homeward.empty".to_owned(), ..Config::default() };
    config.app.windows = vec![window];
    let package = PackageInfo {
        name: "empty-window".to_owned(),
        version: "0.0.0".parse().expect("a version"),
        authors: "",
        description: "",
        crate_name: "empty_window",
    };
    let authority = tauri::runtime_authority!(Default::default(), Resolved::default());
    let context = Context::new(config, Box::new(OnePage), None, None, package, Pattern::Brownfield, authority, None);
    let app = tauri::Builder::default().build(context).expect("the window can be made");
    app.run(|_: &AppHandle, _: RunEvent| {});
}
