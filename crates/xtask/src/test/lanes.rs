//! Programs side by side: each waits most of its time, for clocks, servers and devices.
//!
//! Scope: which one is run next, and where. Non-scope: what it is to run one.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// How many. Our choice, as many as the cores that the tests are made for.
const LANES: usize = 2;

/// Runs all of `jobs`, [`LANES`] at a time, and tells of each as it ends. Those that are `first` are run one after the
/// other, before what else their lane takes: there is one display.
pub(super) fn run<J: Send, O: Send>(
    jobs: Vec<J>,
    first: impl Fn(&J) -> bool,
    act: impl Fn(&J) -> O + Sync,
    mut tell: impl FnMut(J, Duration, O),
) {
    let (of_the_first, of_all): (VecDeque<J>, VecDeque<J>) = jobs.into_iter().partition(first);
    let (of_the_first, of_all) = (Mutex::new(of_the_first), Mutex::new(of_all));
    let next = |queue: &Mutex<VecDeque<J>>| queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let (ended, told) = mpsc::channel();
    thread::scope(|scope| {
        for lane in 0..LANES {
            let (ended, act) = (ended.clone(), &act);
            let (of_the_first, of_all) = (&of_the_first, &of_all);
            scope.spawn(move || {
                let take = || if lane == 0 { next(of_the_first).or_else(|| next(of_all)) } else { next(of_all) };
                while let Some(job) = take() {
                    let start = Instant::now();
                    let outcome = act(&job);
                    let _ = ended.send((job, start.elapsed(), outcome));
                }
            });
        }
        drop(ended);
        for (job, took, outcome) in told {
            tell(job, took, outcome);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Barrier, Mutex};

    use super::{LANES, run};

    #[test]
    fn all_are_run_so_many_at_a_time_and_the_first_one_by_one() {
        let (now, most, of_first) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let (order, both) = (Mutex::new(Vec::new()), Barrier::new(LANES));
        let mut told = Vec::new();
        let is_first = |job: &u32| *job >= 100;
        run(
            vec![1, 2, 100, 3, 101, 4],
            is_first,
            |job| {
                if is_first(job) {
                    assert_eq!(of_first.fetch_add(1, Ordering::SeqCst), 0, "there is one display");
                }
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                order.lock().expect("nobody panicked").push(*job);
                // Six jobs in two lanes: each has another beside it.
                both.wait();
                now.fetch_sub(1, Ordering::SeqCst);
                if is_first(job) {
                    of_first.fetch_sub(1, Ordering::SeqCst);
                }
                job * 2
            },
            |job, _, outcome| told.push((job, outcome)),
        );
        told.sort_unstable();
        assert_eq!(told, [(1, 2), (2, 4), (3, 6), (4, 8), (100, 200), (101, 202)]);
        assert_eq!(most.into_inner(), LANES);
        let order = order.into_inner().expect("nobody panicked");
        assert!(order.iter().position(|job| *job == 101) < order.iter().position(|job| *job == 4), "{order:?}");
    }
}
