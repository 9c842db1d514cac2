//! How a message stands: whom it was for, who has it, for whom it is lost, who may still get it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidings_model::{Dev, End, Position, Published, RegNo};

#[derive(Clone, Debug)]
pub struct Standing {
    pub at: Position,
    pub message: Arc<Published>,
    pub whole: Whole,
    /// None: not counted, as it was for many, or not kept any more.
    pub shares: Option<Shares>,
}

/// A message as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// Somebody may still get it, or prove that he has it.
    Active,
    /// Every target has it, or a reason other than time.
    Completed,
    Expired,
    Recalled,
}

impl Whole {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Completed => "completed",
            Self::Expired => "expired",
            Self::Recalled => "recalled",
        }
    }
}

/// The devices of a direct message; each is in one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    pub reached: u32,
    pub lost: BTreeMap<End, u32>,
    pub waiting: Vec<(RegNo, Dev)>,
}
