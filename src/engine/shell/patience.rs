//! When to build another processor after one ended, and when to give up. Pure: told of ends and of the time.

use std::{collections::VecDeque, time::Duration};

/// Failures within the window after which the engine gives up.
const MAX_FAILURES: usize = 5;
/// Times another process may take the place within the window before this one gives up.
const MAX_FENCED: usize = 3;
const WINDOW: Duration = Duration::from_secs(300);
const FIRST_RETRY: Duration = Duration::from_millis(250);
/// Longest wait. With what a call to an absent log takes by itself, the node is back within this of the log's return.
const LONGEST_RETRY: Duration = Duration::from_secs(8);

/// What ended a processor, as far as patience goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Passes by itself, however long it takes.
    Passing,
    /// Another process took the place.
    Fenced,
    /// Should not happen, and may happen again.
    Failure,
    /// No other processor would do better.
    Fatal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    RetryIn(Duration),
    GiveUp,
}

/// The memory of earlier ends.
#[derive(Debug, Default)]
pub struct Patience {
    /// Monotonic times of the latest failures, and of the latest losses of the place.
    failures: VecDeque<Duration>,
    fenced: VecDeque<Duration>,
    /// Ends in a row without a committed epoch between them.
    in_a_row: u32,
}

impl Patience {
    /// What to do after an end at `now` (monotonic); `progressed`: that processor had committed an epoch.
    pub fn after(&mut self, ending: Ending, now: Duration, progressed: bool) -> Next {
        let over = match ending {
            Ending::Passing => false,
            Ending::Failure => recent(&mut self.failures, now) >= MAX_FAILURES,
            Ending::Fenced => recent(&mut self.fenced, now) >= MAX_FENCED,
            Ending::Fatal => true,
        };
        if over {
            return Next::GiveUp;
        }
        self.in_a_row = if progressed { 0 } else { self.in_a_row.saturating_add(1).min(16) };
        let doublings = self.in_a_row.saturating_sub(1);
        Next::RetryIn((FIRST_RETRY * 2_u32.pow(doublings)).min(LONGEST_RETRY))
    }
}

/// Notes one more, and counts those of the window.
fn recent(times: &mut VecDeque<Duration>, now: Duration) -> usize {
    times.push_back(now);
    while times.front().is_some_and(|at| now.saturating_sub(*at) > WINDOW) {
        times.pop_front();
    }
    times.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn an_absent_log_never_exhausts_it_and_waits_grow_to_a_bound() {
        let mut patience = Patience::default();
        let waits: Vec<Next> = (0..200).map(|n| patience.after(Ending::Passing, second(n), false)).collect();
        assert_eq!(waits[0], Next::RetryIn(FIRST_RETRY));
        assert_eq!(waits[1], Next::RetryIn(FIRST_RETRY * 2));
        assert!(waits[10..].iter().all(|next| *next == Next::RetryIn(LONGEST_RETRY)));
        assert_eq!(patience.after(Ending::Passing, second(300), true), Next::RetryIn(FIRST_RETRY), "tras avanzar, vuelve pronto");
    }

    #[test]
    fn the_fifth_failure_and_the_third_loss_of_the_place_within_the_window_end_it() {
        let mut patience = Patience::default();
        for n in 0..4 {
            assert!(matches!(patience.after(Ending::Failure, second(n), false), Next::RetryIn(_)));
            assert!(matches!(patience.after(Ending::Passing, second(n), false), Next::RetryIn(_)));
        }
        assert!(matches!(patience.after(Ending::Fenced, second(5), true), Next::RetryIn(_)), "cada causa lleva su cuenta");
        assert!(matches!(patience.after(Ending::Fenced, second(6), true), Next::RetryIn(_)));
        assert_eq!(patience.after(Ending::Fenced, second(7), true), Next::GiveUp);
        assert_eq!(patience.after(Ending::Failure, second(8), true), Next::GiveUp);
        let mut patience = Patience::default();
        for n in 0..20 {
            assert!(
                matches!(patience.after(Ending::Failure, second(n * 100), true), Next::RetryIn(_)),
                "lo de hace rato no cuenta"
            );
        }
        assert_eq!(patience.after(Ending::Fatal, second(9_000), true), Next::GiveUp);
    }
}
