//! `pinwire-cni`: the CNI plugin as an executable. Wires standard input and output, and exits; the work is in
//! [`pinwire_cni::plugin`].

use std::io::Write;
use std::process::ExitCode;

use pinwire_cni::plugin::protocol::{Answer, serve};
use pinwire_cni::plugin::version::Version;

fn main() -> ExitCode {
    let note = |text| eprintln!("pinwire-cni: {text}");
    let (answer, code) = match serve(|name| std::env::var_os(name), std::io::stdin(), note) {
        Answer::Done(None) => return ExitCode::SUCCESS,
        Answer::Done(Some(result)) => (result, ExitCode::SUCCESS),
        Answer::Failed(error) => (error, ExitCode::FAILURE),
        Answer::About => {
            let versions = Version::ALL.map(Version::as_str).join(", ");
            eprintln!(
                "pinwire-cni {}: a CNI plugin, run by a container runtime (see docs/cni.md). Versions of CNI: {versions}",
                env!("CARGO_PKG_VERSION")
            );
            return ExitCode::SUCCESS;
        }
    };
    match writeln!(std::io::stdout(), "{answer}") {
        Ok(()) => code,
        // Nobody reads the result, so nobody knows what was attached: the runtime has to DEL.
        Err(_) => ExitCode::FAILURE,
    }
}
