//! Why nobody gets a virtual function, with who has what instead.

use crate::annotation::UserDriver;

/// Why nothing could be chosen.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// All is taken.
    #[error("the pool `{pool}` is exhausted: {}{}", list(.holders), hint(.drivers))]
    Exhausted {
        /// The pool.
        pool: String,
        /// What every virtual function of the pool is up to.
        holders: Vec<String>,
        /// What was looked for.
        drivers: Vec<UserDriver>,
    },
    /// The virtual function asked for is taken.
    #[error("virtual function {index} of the pool `{pool}` cannot be had: {}{}", list(.holders), hint(.drivers))]
    Index {
        /// The pool.
        pool: String,
        /// The index.
        index: u32,
        /// Who has it, on each physical function.
        holders: Vec<String>,
        /// What was looked for.
        drivers: Vec<UserDriver>,
    },
    /// There is no such virtual function.
    #[error("the pool `{pool}` has no virtual function {index}")]
    NoIndex {
        /// The pool.
        pool: String,
        /// The index.
        index: u32,
    },
    /// The VLAN asked for belongs to another wire.
    #[error("VLAN {vlan} on the pool `{pool}` is taken by {holder}")]
    Vlan {
        /// The pool.
        pool: String,
        /// The VLAN.
        vlan: u16,
        /// Who has it.
        holder: String,
    },
}

fn list(holders: &[String]) -> String {
    if holders.is_empty() {
        return "no virtual function of it is free".to_owned();
    }
    holders.join(", ")
}

/// What to do where one was looked for that a process can drive.
fn hint(drivers: &[UserDriver]) -> String {
    let drivers = drivers.iter();
    drivers
        .map(|driver| {
            format!(
                " (`pinwire vf bind VF` gives one to {0}, which `driver: {0}` asks for)",
                driver.as_str()
            )
        })
        .collect()
}
