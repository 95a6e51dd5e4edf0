use plan::Step;

use crate::{KernelError, Performed};

/// Hears of each step of a transaction before and after it. Owned here, so that the kernel needs no store; what must
/// survive a crash (the undo) is written before the transaction begins.
pub trait Journal {
    /// The step is about to be performed.
    fn about_to(&mut self, step: &Step);
    /// The step was performed, or failed.
    fn done(&mut self, step: &Step, outcome: Result<&Performed, &KernelError>);
}

/// Hears and forgets.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoJournal;

impl Journal for NoJournal {
    fn about_to(&mut self, _: &Step) {}

    fn done(&mut self, _: &Step, _: Result<&Performed, &KernelError>) {}
}
