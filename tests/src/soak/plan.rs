//! What happens in a soak, and in which order: from the seed alone, so that a seed that finds a fault finds it again.
//!
//! Scope: choosing. Non-scope: doing it (`soak`), and the moments at which it takes effect: those are the machine's.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use crate::fault_proxy::{BOTH, Cut, Direction, Moment};

/// Our choice: what happens between two times of peace.
const ACTS: usize = 60;
/// What tells a request or an answer from a ping, in bytes.
const REQUEST: usize = 450;

/// One thing that happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Nothing, for so long.
    Pause(Duration),
    /// A person presses on the tile of this lamp; each press asks for a colour of its own.
    Press(usize),
    /// A person looks.
    Read(usize),
    /// A hand at the lamp itself.
    Hand(usize),
    /// Between us and the server.
    Ours(LinkFault),
    /// Between the devices and the server.
    Theirs(LinkFault),
    /// To one device.
    Device(usize, DeviceFault),
    /// To the server.
    Server(ServerFault),
    /// All faults end, and everything has to be as it should.
    Peace,
}

/// What happens to a link.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkFault {
    /// Now.
    Cut(Cut),
    /// At its moment.
    CutAt(Moment, Cut),
    /// Half-open.
    Stall(Vec<Direction>),
    /// Each way.
    Delay(Duration),
    /// Bytes a second, each way.
    Throttle(u64),
    /// New connections.
    Refuse,
    /// No fault.
    Heal,
}

/// What happens to a device.
#[derive(Debug, Clone, PartialEq)]
pub enum DeviceFault {
    /// Off power.
    SwitchedOff,
    /// On power again, and well.
    Well,
    /// So long for each request.
    Slow(Duration),
    /// Hears, does nothing, says nothing.
    Silent,
    /// Does it, and does not say so, so many times.
    Swallows(u32),
}

/// What happens to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerFault {
    /// Ended in order, and started again.
    Restarted,
    /// Killed, and started again.
    Killed,
    /// Stopped in the middle of whatever it did.
    Frozen,
    /// Goes on.
    Thawed,
}

/// The same acts for the same seed and number of lamps, without end.
pub struct Plan {
    dice: StdRng,
    lamps: usize,
    left: usize,
}

impl Plan {
    /// For so many lamps.
    pub fn new(seed: u64, lamps: usize) -> Plan {
        Plan { dice: StdRng::seed_from_u64(seed), lamps, left: ACTS }
    }

    fn lamp(&mut self) -> usize {
        self.dice.random_range(0..self.lamps)
    }

    fn pause(&mut self, most_ms: u64) -> Duration {
        Duration::from_millis(self.dice.random_range(0..=most_ms))
    }

    fn cut(&mut self) -> Cut {
        if self.dice.random() { Cut::Reset } else { Cut::Close }
    }

    fn link(&mut self) -> LinkFault {
        match self.dice.random_range(0..12) {
            0 | 1 => LinkFault::Cut(self.cut()),
            2..=4 => {
                let direction = *BOTH.choose(&mut self.dice).expect("two");
                let arrives = *[0, 60, usize::MAX].choose(&mut self.dice).expect("three");
                let moment = if self.dice.random() {
                    Moment::Portion { direction, at_least: REQUEST, arrives }
                } else {
                    Moment::After { direction, bytes: self.dice.random_range(1..5_000) }
                };
                LinkFault::CutAt(moment, self.cut())
            }
            5 => LinkFault::Stall(vec![*BOTH.choose(&mut self.dice).expect("two")]),
            6 => LinkFault::Stall(BOTH.to_vec()),
            7 => LinkFault::Delay(self.pause(1_500)),
            8 => LinkFault::Throttle(self.dice.random_range(2_000..50_000)),
            9 => LinkFault::Refuse,
            _ => LinkFault::Heal,
        }
    }

    fn device(&mut self) -> DeviceFault {
        match self.dice.random_range(0..7) {
            0 => DeviceFault::SwitchedOff,
            1 => DeviceFault::Slow(self.pause(4_000)),
            2 => DeviceFault::Silent,
            3 => DeviceFault::Swallows(self.dice.random_range(1..3)),
            _ => DeviceFault::Well,
        }
    }

    fn server(&mut self) -> ServerFault {
        match self.dice.random_range(0..5) {
            0 => ServerFault::Restarted,
            1 => ServerFault::Killed,
            2 => ServerFault::Frozen,
            _ => ServerFault::Thawed,
        }
    }
}

impl Iterator for Plan {
    type Item = Act;

    fn next(&mut self) -> Option<Act> {
        if self.left == 0 {
            self.left = ACTS;
            return Some(Act::Peace);
        }
        self.left -= 1;
        Some(match self.dice.random_range(0..100) {
            0..34 => Act::Press(self.lamp()),
            34..44 => Act::Read(self.lamp()),
            44..50 => Act::Hand(self.lamp()),
            50..80 => Act::Pause(self.pause(700)),
            80..88 => Act::Ours(self.link()),
            88..92 => Act::Theirs(self.link()),
            92..98 => {
                let lamp = self.lamp();
                Act::Device(lamp, self.device())
            }
            _ => Act::Server(self.server()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_plan() {
        let plan = |seed| Plan::new(seed, 6).take(500).collect::<Vec<_>>();
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
    }

    #[test]
    fn every_kind_of_act_comes_and_peace_at_last() {
        let acts: Vec<Act> = Plan::new(1, 6).take(2_000).collect();
        for (name, is) in [
            ("press", acts.iter().filter(|act| matches!(act, Act::Press(_))).count()),
            ("ours", acts.iter().filter(|act| matches!(act, Act::Ours(_))).count()),
            ("theirs", acts.iter().filter(|act| matches!(act, Act::Theirs(_))).count()),
            ("device", acts.iter().filter(|act| matches!(act, Act::Device(..))).count()),
            ("server", acts.iter().filter(|act| matches!(act, Act::Server(_))).count()),
        ] {
            assert!(is > 10, "{name}: {is}");
        }
        assert_eq!(acts.iter().position(|act| *act == Act::Peace), Some(ACTS));
    }
}
