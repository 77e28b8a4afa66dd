//! `pinwire-cni`: the CNI plugin as an executable and, under the name `pinwire`, the netavark driver. Wires standard
//! input and output, and exits; the work is in [`pinwire_cni::plugin`] and [`pinwire_cni::netavark`].

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use pinwire_cni::cni::version::Version;
use pinwire_cni::netavark;
use pinwire_cni::plugin::protocol;
use pinwire_cni::plugin::protocol::Answer;
use serde_json::Value;

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let note = |text: String| eprintln!("pinwire-cni: {text}");
    let variable = |name: &str| std::env::var_os(name);
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let answer = if netavark::is_called(&arguments, variable) {
        netavark::serve(&arguments, variable, std::io::stdin(), note)
    } else {
        protocol::serve(variable, std::io::stdin(), note)
    };
    let (answer, code) = match answer {
        Answer::Done(None) => return ExitCode::SUCCESS,
        Answer::Done(Some(result)) => (result, ExitCode::SUCCESS),
        Answer::Failed(error) => (error, ExitCode::FAILURE),
        Answer::About => {
            let versions = Version::ALL.map(Version::as_str).join(", ");
            eprintln!(
                "pinwire-cni {}: a CNI plugin, run by a container runtime (see docs/cni.md), and a netavark driver, run by podman \
                 (see docs/podman.md). Versions of CNI: {versions}",
                env!("CARGO_PKG_VERSION")
            );
            return ExitCode::SUCCESS;
        }
    };
    match print(&answer) {
        Ok(()) => code,
        // Nobody reads the result, so nobody knows what was attached: the runtime has to DEL.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Writes an answer to standard output, in one piece.
fn print(answer: &Value) -> io::Result<()> {
    let mut text = serde_json::to_vec(answer)?;
    text.push(b'\n');
    io::stdout().write_all(&text)
}
