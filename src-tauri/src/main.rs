//! The desktop shell: a window onto `homeward_core::Home`.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

fn main() {
    homeward::run();
}
