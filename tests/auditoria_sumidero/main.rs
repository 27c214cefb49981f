//! The sink of seals over a log and tables in memory, with a clock that is told the time: what it makes follows from the log, whatever
//! happens to it; and whatever is changed in log, seals or tables is found.

mod estropear;
mod mundo;
mod sellar;
