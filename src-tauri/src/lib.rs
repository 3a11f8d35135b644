//! The desktop shell: a window onto [`homeward_core::Home`].
//!
//! Scope: the window, its commands, the native dialogs, and what the environment says at the start. Non-scope:
//! everything that the home does.

mod commands;
mod environment;

use homeward_core::{Error, Home};
use tauri::{Manager as _, RunEvent};
use tauri_plugin_dialog::{DialogExt as _, MessageDialogKind};

/// Opens the home and the window; returns when the window is closed.
///
/// # Panics
/// The window cannot be made at all: there is nobody to tell but the terminal.
pub fn run() {
    tracing_subscriber::fmt().with_env_filter(environment::log_filter()).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Runtime::new().expect("threads for the home");
    tauri::async_runtime::set(runtime.handle().clone());
    let app = tauri::Builder::default()
        .plugin(tauri_plugin_single_instance::init(|app, _, _| show_window(app)))
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_clipboard_manager::init())
        .manage(commands::Observing::default())
        .setup(|app| {
            let opened =
                environment::config(app.handle()).and_then(|config| tauri::async_runtime::block_on(Home::open(config)));
            match opened {
                Ok(home) => drop(app.manage(home)),
                Err(error) => refuse_to_start(app, &error),
            }
            Ok(())
        })
        .invoke_handler(commands::all())
        .build(tauri::generate_context!())
        .expect("the window can be made");
    app.run(|app, event| {
        if matches!(event, RunEvent::Exit)
            && let Some(home) = app.try_state::<Home>()
        {
            tauri::async_runtime::block_on(home.close());
        }
    });
}

/// Says in a native dialog why there can be no window, and ends.
fn refuse_to_start(app: &tauri::App, error: &Error) {
    tracing::error!("{error}: {}", error.details.as_deref().unwrap_or_default());
    let words = format!("{}\n\n{}", error.message, error.details.as_deref().unwrap_or_default());
    let handle = app.handle().clone();
    let dialog = app.dialog().message(words).title("Homeward cannot start").kind(MessageDialogKind::Error);
    dialog.show(move |_| handle.exit(1));
    if let Some(window) = app.get_webview_window("main") {
        let _ = window.hide();
    }
}

/// A second start brings the first one's window to the front.
fn show_window(app: &tauri::AppHandle) {
    if let Some(window) = app.get_webview_window("main") {
        let _ = window.unminimize();
        let _ = window.set_focus();
    }
}
