//! What is known of the devices is kept for the next start, values included.
//!
//! Scope: when. Non-scope: what of it is kept (`devices`), and where (`store`).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::Inner;
use super::devices::Known;

/// Our choice: a program that is killed forgets no more than that; and the disk is left alone meanwhile.
const EVERY: Duration = Duration::from_secs(10);

/// Keeps what changed, for as long as the home is open.
pub(super) async fn keep(inner: Arc<Inner>) {
    while inner.until(|state| state.has_unkept().then_some(())).await.is_some() {
        sleep(EVERY).await;
        let keeper = inner.clone();
        // A panic there is told by its own message, and the next round tries again.
        let _ = tokio::task::spawn_blocking(move || keeper.keep_devices()).await;
    }
}

impl Inner {
    /// Keeps what changed since the last time.
    pub(super) fn keep_devices(&self) {
        let changed = self.state().take_unkept();
        if changed.is_empty() {
            return;
        }
        let kept = self.store.remember(&changed);
        if let Err(error) = &kept {
            tracing::warn!("what is known of the devices could not be kept: {error}");
        }
        let mut state = self.state();
        for id in changed.iter().map(|device| &device.id) {
            // What was forgotten meanwhile is not kept after that.
            if state.device(id).and_then(Known::remembered).is_none() {
                let _ = self.store.forget_device(id);
            } else if kept.is_err() {
                state.change_known(id, |known| known.unkept = true);
            }
        }
    }
}
