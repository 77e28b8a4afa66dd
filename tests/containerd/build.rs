//! Generates the client of Kubernetes' container runtime interface from cri/api.proto, which is
//! pkg/apis/runtime/v1/api.proto of k8s.io/cri-api v0.37.2, unchanged.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let descriptors = protox::compile(["cri/api.proto"], ["cri"])?;
    tonic_prost_build::configure()
        .build_server(false)
        .compile_fds(descriptors)?;
    println!("cargo::rerun-if-changed=cri/api.proto");
    Ok(())
}
