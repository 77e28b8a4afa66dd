//! A client of the container runtime interface, one blocking call for each thing that a kubelet asks for.

use std::path::Path;

use tokio::runtime::{Builder, Runtime};
use tonic::transport::{Channel, Endpoint};
use tonic::{Response, Status};

use api::runtime_service_client::RuntimeServiceClient;
use api::{
    ContainerConfig, ContainerMetadata, CreateContainerRequest, ExecSyncRequest, ImageSpec,
    ListPodSandboxRequest, PodSandboxConfig, PodSandboxStatusRequest, RemovePodSandboxRequest,
    RunPodSandboxRequest, StartContainerRequest, StatusRequest, StopPodSandboxRequest,
};

/// The interface's messages and calls, as `build.rs` generates them.
pub(crate) mod api {
    #![expect(
        unreachable_pub,
        rustdoc::all,
        clippy::all,
        clippy::doc_markdown,
        reason = "generated from Kubernetes' definition"
    )]
    tonic::include_proto!("runtime.v1");
}

/// A connection to a container runtime.
pub(crate) struct Cri {
    runtime: Runtime,
    client: RuntimeServiceClient<Channel>,
}

/// What a command in a container printed, and its exit code.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) text: String,
}

impl Cri {
    /// Connects to the socket of a runtime, once it is there.
    pub(crate) fn connect(socket: &Path) -> Option<Self> {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let endpoint = Endpoint::from_shared(format!("unix://{}", socket.display())).unwrap();
        let channel = runtime.block_on(endpoint.connect()).ok()?;
        Some(Self {
            runtime,
            client: RuntimeServiceClient::new(channel),
        })
    }

    /// Makes one call.
    fn call<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Status> {
        self.runtime.block_on(call).map(Response::into_inner)
    }

    /// Whether the runtime answers.
    pub(crate) fn is_connected(&self) -> bool {
        let mut client = self.client.clone();
        self.call(client.status(StatusRequest::default())).is_ok()
    }

    /// Whether the runtime can run pods: it answers, and its network is ready.
    pub(crate) fn is_ready(&self) -> bool {
        let mut client = self.client.clone();
        let Ok(status) = self.call(client.status(StatusRequest::default())) else {
            return false;
        };
        let conditions = status.status.unwrap_or_default().conditions;
        !conditions.is_empty() && conditions.iter().all(|condition| condition.status)
    }

    /// Starts a pod: its namespaces, and its network. Its id.
    pub(crate) fn run_pod(&self, config: &PodSandboxConfig) -> Result<String, Status> {
        let mut client = self.client.clone();
        let request = RunPodSandboxRequest {
            config: Some(config.clone()),
            ..Default::default()
        };
        let response = self.call(client.run_pod_sandbox(request))?;
        Ok(response.pod_sandbox_id)
    }

    /// Starts a container in a pod. Its id.
    pub(crate) fn run_container(
        &self,
        pod: &str,
        config: &PodSandboxConfig,
        image: &str,
    ) -> String {
        let mut client = self.client.clone();
        let image = ImageSpec {
            image: image.to_owned(),
            ..Default::default()
        };
        let container = ContainerConfig {
            metadata: Some(ContainerMetadata {
                name: "node".to_owned(),
                attempt: 0,
            }),
            image: Some(image),
            ..Default::default()
        };
        let request = CreateContainerRequest {
            pod_sandbox_id: pod.to_owned(),
            config: Some(container),
            sandbox_config: Some(config.clone()),
        };
        let container = self
            .call(client.create_container(request))
            .unwrap()
            .container_id;
        let request = StartContainerRequest {
            container_id: container.clone(),
        };
        self.call(client.start_container(request)).unwrap();
        container
    }

    /// Runs a command in a container.
    pub(crate) fn exec(&self, container: &str, command: &[&str]) -> Said {
        let mut client = self.client.clone();
        let request = ExecSyncRequest {
            container_id: container.to_owned(),
            cmd: command.iter().map(|&word| word.to_owned()).collect(),
            timeout: 10,
        };
        let response = self.call(client.exec_sync(request)).unwrap();
        Said {
            code: response.exit_code,
            text: String::from_utf8_lossy(&[response.stdout, response.stderr].concat())
                .into_owned(),
        }
    }

    /// The address of a pod by the network's result.
    pub(crate) fn address(&self, pod: &str) -> String {
        let mut client = self.client.clone();
        let request = PodSandboxStatusRequest {
            pod_sandbox_id: pod.to_owned(),
            verbose: false,
        };
        let status = self.call(client.pod_sandbox_status(request)).unwrap();
        status.status.unwrap().network.unwrap().ip
    }

    /// Stops a pod, and deletes its network.
    pub(crate) fn stop_pod(&self, pod: &str) -> Result<(), Status> {
        let mut client = self.client.clone();
        let request = StopPodSandboxRequest {
            pod_sandbox_id: pod.to_owned(),
        };
        self.call(client.stop_pod_sandbox(request)).map(drop)
    }

    /// Removes a pod that was stopped.
    pub(crate) fn remove_pod(&self, pod: &str) -> Result<(), Status> {
        let mut client = self.client.clone();
        let request = RemovePodSandboxRequest {
            pod_sandbox_id: pod.to_owned(),
        };
        self.call(client.remove_pod_sandbox(request)).map(drop)
    }

    /// The ids of all pods that the runtime knows.
    pub(crate) fn pods(&self) -> Vec<String> {
        let mut client = self.client.clone();
        let list = self.call(client.list_pod_sandbox(ListPodSandboxRequest::default()));
        list.unwrap().items.into_iter().map(|pod| pod.id).collect()
    }
}
