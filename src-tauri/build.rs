//! Puts the window's assets and permissions in place: every command of ours is listed, so that the capability file
//! rules it too.

fn main() {
    let attributes = tauri_build::Attributes::new()
        .app_manifest(tauri_build::AppManifest::new().commands(&[
            "snapshot",
            "subscribe",
            "start_search",
            "stop_search",
            "add_address",
            "suggest_server",
            "check_account",
            "set_account",
            "forget_account",
            "forget_device",
            "who_knows",
            "change_password",
            "begin_move",
            "who_moves",
            "move_devices",
            "finish_move",
            "stop_move",
            "try_now",
            "onboard",
            "onboard_with_own_accounts",
            "cancel_onboarding",
            "undo_onboarding",
            "take_account_back",
            "renew_passwords",
            "use_account_for",
            "shut_out",
            "take_over",
            "answer_pin",
            "cancel_takeover",
            "finish_takeover",
            "give_up",
            "forget_key",
            "save_backup",
            "restore_backup",
            "request",
            "request_shown",
            "observe",
            "stop_observing",
            "set",
            "set_together",
            "watch",
            "choose_ca_file",
            "copy_text",
        ]))
        .windows_attributes(tauri_build::WindowsAttributes::new().window_icon_path("../icons/icon.ico"));
    tauri_build::try_build(attributes).expect("the window's configuration is whole");
}
