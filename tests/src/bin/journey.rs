//! The whole journey in the real window, for `cargo xtask demo` without a display: prints each step with its time, saves
//! pictures, and exits 0 only if the light really changed in the simulated device.

use std::path::PathBuf;
use std::process::ExitCode;

use homeward_tests::alone;
use homeward_tests::journey::Journey;
use homeward_tests::window::Scheme;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let pictures = match (arguments.next(), arguments.next(), arguments.next()) {
        (None, ..) => None,
        (Some(flag), Some(folder), None) if flag == "--pictures" => Some(PathBuf::from(folder)),
        _ => return ExitCode::from(2),
    };
    if let Some(folder) = &pictures
        && std::fs::create_dir_all(folder).is_err()
    {
        return ExitCode::FAILURE;
    }
    // A step that does not come ends the program by a panic, with what was to be seen instead.
    alone(async move || {
        let mut journey = Journey::start(Scheme::Light, pictures).await;
        journey.signs_in().await;
        journey.finds().await;
        journey.chooses().await;
        journey.onboards().await;
        journey.comes_home().await;
        journey.switches_the_light_on().await;
        journey.switches_it_off_from_afar().await;
        journey.ends().await;
    });
    ExitCode::SUCCESS
}
