//! Ctrl-C, or being told to end.

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows::{CtrlC, ctrl_c};

/// Hears Ctrl-C (and SIGTERM) from now on, instead of the program being ended by it. One that comes while nobody waits
/// is kept for who waits next.
pub(crate) struct Interrupt {
    #[cfg(unix)]
    pressed: Option<Signal>,
    #[cfg(unix)]
    told: Option<Signal>,
    #[cfg(windows)]
    pressed: Option<CtrlC>,
}

impl Interrupt {
    /// Begins to listen. What cannot be heard ends the program, as ever.
    #[cfg(unix)]
    pub(crate) fn listen() -> Self {
        Self { pressed: signal(SignalKind::interrupt()).ok(), told: signal(SignalKind::terminate()).ok() }
    }

    /// Begins to listen. What cannot be heard ends the program, as ever.
    #[cfg(windows)]
    pub(crate) fn listen() -> Self {
        Self { pressed: ctrl_c().ok() }
    }

    /// The next one.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) {
        let (pressed, told) = (&mut self.pressed, &mut self.told);
        tokio::select! {
            () = one(pressed) => {}
            () = one(told) => {}
        }
    }

    /// The next one.
    #[cfg(windows)]
    pub(crate) async fn next(&mut self) {
        match &mut self.pressed {
            Some(pressed) => {
                pressed.recv().await;
            }
            None => std::future::pending().await,
        }
    }
}

#[cfg(unix)]
async fn one(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
