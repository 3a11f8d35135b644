//! `cargo xtask soak`: random faults, repeatable by their seed, or many returns in a row. Exits 0 only if all that must
//! hold held throughout.

use std::hash::{BuildHasher, Hasher};
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use homeward_tests::alone_for;
use homeward_tests::reconnects::many_returns;
use homeward_tests::remote_house::RemoteHouse;
use homeward_tests::server::Kind;
use homeward_tests::soak::soak;

/// What is left to the last round, or to returns that are slow.
const GRACE: Duration = Duration::from_secs(300);
/// Our choice: one return takes a quarter of a second on two cores, unoptimised.
const RETURN_WITHIN: Duration = Duration::from_secs(2);

#[derive(Parser)]
#[command(name = "soak", about = "Random faults against a real server and simulated devices, repeatable by their seed")]
struct Options {
    /// For how long
    #[arg(long, value_name = "N", default_value_t = 600)]
    seconds: u64,
    /// The same seed has the same faults in the same order; one by chance if not given
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Instead: lose the link and find it again, so many times in a row
    #[arg(long, value_name = "N", conflicts_with_all = ["seconds", "seed"])]
    reconnects: Option<usize>,
}

fn main() -> ExitCode {
    let Options { seconds, seed, reconnects } = Options::parse();
    // What does not hold ends the program by a panic, with the seed and what happened last.
    let told = match reconnects {
        Some(times) => {
            let began = Instant::now();
            let within = RETURN_WITHIN.saturating_mul(u32::try_from(times).unwrap_or(u32::MAX)) + GRACE;
            let (warm, end) = alone_for(within, async move || {
                let house = RemoteHouse::open(Kind::Prosody).await;
                many_returns(&house, times).await
            });
            format!("{times} returns in {:.1} s: from {warm} to {end}", began.elapsed().as_secs_f64())
        }
        None => {
            let seed = seed.unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish() % 1_000_000);
            let time = Duration::from_secs(seconds);
            let outcome = alone_for(time + GRACE, move || soak(seed, time));
            format!("{} rounds, seed {seed}: from {} to {}", outcome.rounds, outcome.first, outcome.last)
        }
    };
    let _ = writeln!(std::io::stdout(), "{told}");
    ExitCode::SUCCESS
}
