//! The outcome table: what a failed call of the transactional API means, from the call and the flags of its error.

/// A call of the transactional API, in the order in which a commit makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Takes the transactional id: fences whoever had it and decides what it left open.
    Init,
    /// Starts a transaction; nothing is sent.
    Begin,
    /// Sends the positions with the group's metadata.
    SendOffsets,
    /// Sends the batch at this place, all of one partition, and waits for the acknowledgement.
    Send(usize),
    /// Asks for the commit.
    Commit,
    /// Asks for the abort.
    Abort,
}

/// What the client library says of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// The same call may be made again.
    pub retriable: bool,
    /// The transaction can only be aborted.
    pub requires_abort: bool,
    /// The producer is good for nothing more.
    pub fatal: bool,
    /// Another producer has the transactional id, or the coordinator aborted this one's transaction for its age.
    pub fenced: bool,
    /// No answer within the time.
    pub timed_out: bool,
}

/// What to do about a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The same call again, a bounded number of times.
    Repeat,
    /// Abort, then tell the caller: nothing of the transaction will be read.
    Abort,
    /// The commit was not asked for, and this producer can do no more: what it left open dies with the next `init`.
    Replace,
    /// Committed or not, nobody knows: never asked again, never assumed.
    Unknown,
    /// The place is taken.
    Fenced,
}

/// The table.
///
/// An error of the commit itself is unknown whatever it says of itself, but for fencing: an earlier try of the same call may have
/// reached the coordinator, whose answer got lost.
pub fn verdict(call: Call, flags: Flags) -> Verdict {
    if flags.fenced {
        return Verdict::Fenced;
    }
    if call == Call::Commit {
        return Verdict::Unknown;
    }
    if flags.fatal {
        return Verdict::Replace;
    }
    let again = flags.retriable || flags.timed_out;
    match call {
        Call::Init | Call::Abort if again && !flags.requires_abort => Verdict::Repeat,
        Call::Init | Call::Begin | Call::Abort | Call::Commit => Verdict::Replace,
        // Records whose delivery timed out are gone from the client's queue: repeating them would reorder or double them.
        Call::Send(_) if flags.retriable && !flags.timed_out && !flags.requires_abort => Verdict::Repeat,
        Call::SendOffsets if again && !flags.requires_abort => Verdict::Repeat,
        Call::Send(_) | Call::SendOffsets => Verdict::Abort,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Flags = Flags { retriable: false, requires_abort: false, fatal: false, fenced: false, timed_out: false };
    const RETRIABLE: Flags = Flags { retriable: true, ..NONE };
    const ABORTABLE: Flags = Flags { requires_abort: true, ..NONE };
    const FATAL: Flags = Flags { fatal: true, ..NONE };
    const FENCED: Flags = Flags { fatal: true, fenced: true, ..NONE };
    const TIMED_OUT: Flags = Flags { timed_out: true, ..NONE };
    const LATE: Flags = Flags { retriable: true, timed_out: true, ..NONE };
    const BOTH: Flags = Flags { retriable: true, requires_abort: true, ..NONE };

    #[test]
    fn the_table() {
        use Verdict::{Abort, Fenced, Repeat, Replace, Unknown};
        let columns = [NONE, RETRIABLE, ABORTABLE, FATAL, FENCED, TIMED_OUT, LATE, BOTH];
        let rows: [(Call, [Verdict; 8]); 6] = [
            //                   none     retry    abort    fatal    fenced  timeout  late     both
            (Call::Init, [Replace, Repeat, Replace, Replace, Fenced, Repeat, Repeat, Replace]),
            (Call::Begin, [Replace, Replace, Replace, Replace, Fenced, Replace, Replace, Replace]),
            (Call::Send(0), [Abort, Repeat, Abort, Replace, Fenced, Abort, Abort, Abort]),
            (Call::SendOffsets, [Abort, Repeat, Abort, Replace, Fenced, Repeat, Repeat, Abort]),
            (Call::Commit, [Unknown, Unknown, Unknown, Unknown, Fenced, Unknown, Unknown, Unknown]),
            (Call::Abort, [Replace, Repeat, Replace, Replace, Fenced, Repeat, Repeat, Replace]),
        ];
        for (call, wanted) in rows {
            for (flags, wanted) in columns.into_iter().zip(wanted) {
                assert_eq!(verdict(call, flags), wanted, "{call:?} {flags:?}");
            }
        }
    }

    /// Over every combination of flags: a commit that did not answer well is never repeated and never taken for an abort.
    #[test]
    fn a_failed_commit_is_never_repeated_nor_assumed() {
        for bits in 0..32u8 {
            let flag = |bit: u8| bits & (1 << bit) != 0;
            let flags = Flags { retriable: flag(0), requires_abort: flag(1), fatal: flag(2), fenced: flag(3), timed_out: flag(4) };
            let wanted = if flags.fenced { Verdict::Fenced } else { Verdict::Unknown };
            assert_eq!(verdict(Call::Commit, flags), wanted, "{flags:?}");
        }
    }
}
