//! The server and the agent as containers of one pod.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};

use crate::choices::{PORTKEY, TALOS_CONTAINER};
use crate::objects::{Objects, list, require};
use crate::repository::Repository;

const DEPLOYMENT: &str = "vm-manifests/pod/deployment.yaml";
const GPU_POD: &str = "vm-manifests/overlays/talos-container/gpu.yaml";
const PORT: &str = "/127.0.0.1/7244";

fn pod(objects: &Objects) -> &Value {
    &objects.of_kind("Deployment").next().unwrap()["spec"]["template"]["spec"]
}

fn named<'a>(containers: &'a Value, name: &str) -> Option<&'a Value> {
    list(containers).iter().find(|container| container["name"] == name)
}

fn check(objects: &Objects) -> Vec<String> {
    let mut findings = Vec::new();
    let pod = pod(objects);
    let all: Vec<_> = list(&pod["initContainers"]).iter().chain(list(&pod["containers"])).collect();
    let Some(agent) = named(&pod["initContainers"], "agent") else {
        return vec!["no agent is started before the server".to_owned()];
    };
    let mut must = |holds, finding: &str| require(&mut findings, holds, finding);
    must(agent["restartPolicy"] == "Always", "the pod waits for the agent's end");
    let waits = all.iter().any(|container| container.get("startupProbe").is_some());
    must(!waits, "a startup probe waits for a model that is loaded later");
    let ready = &agent["readinessProbe"];
    let probe = json!({ "path": "/readyz", "port": 7244 });
    must(ready["httpGet"] == probe, "ready is not what the agent says");
    // As VMs are asked: how long a lie may last is computed from it.
    let rhythm = ["periodSeconds", "timeoutSeconds", "failureThreshold"].map(|key| &ready[key]);
    must(rhythm == [&json!(5), &json!(3), &json!(2)], "the readiness probe has another rhythm");
    let others = all.iter().filter(|container| container["name"] != "agent");
    let asked = others.clone().any(|container| container.get("readinessProbe").is_some());
    must(!asked, "ready is what somebody else says as well");
    let gpus = all.iter().filter(|container| {
        let limits = container["resources"]["limits"].as_object();
        limits.is_some_and(|limits| limits.keys().any(|key| key.starts_with("nvidia.com/")))
    });
    let gpus: Vec<_> = gpus.map(|container| &container["name"]).collect();
    if pod["runtimeClassName"] == "nvidia" {
        must(gpus == ["ollama"], "the GPU is not the server's alone");
        let has = |name: &str, value: &str| {
            list(&agent["env"]).iter().any(|it| it["name"] == name && it["value"] == value)
        };
        must(has("NVIDIA_VISIBLE_DEVICES", "all"), "the agent sees no GPU");
        must(has("NVIDIA_DRIVER_CAPABILITIES", "utility"), "the agent can do more than look");
    } else {
        must(gpus.is_empty(), "a GPU, and no runtime for it");
    }
    let confined = |container: &&Value| {
        let context = &container["securityContext"];
        context["readOnlyRootFilesystem"] == true
            && context["allowPrivilegeEscalation"] == false
            && context["capabilities"]["drop"] == json!(["ALL"])
    };
    must(all.iter().all(confined), "a container is not confined");
    findings
}

#[test]
fn the_pods_fit_together() {
    for overlay in [TALOS_CONTAINER, PORTKEY] {
        let Some(objects) = overlay.chosen() else { return };
        assert_eq!(check(&objects), [] as [String; 0], "{}", overlay.name);
    }
}

/// File, text, what replaces it, and the finding.
const TWINS: &[(&str, &str, &str, &str)] = &[
    (DEPLOYMENT, "          restartPolicy: Always\n", "", "the pod waits for the agent's end"),
    (DEPLOYMENT, "          readinessProbe:", "          startupProbe:", "a startup probe waits"),
    (DEPLOYMENT, "path: /readyz", "path: /livez", "ready is not what the agent says"),
    (DEPLOYMENT, "            periodSeconds: 5\n", "", "has another rhythm"),
    (
        DEPLOYMENT,
        "          livenessProbe:\n            exec:",
        "          readinessProbe:\n            exec:",
        "what somebody else says",
    ),
    (GPU_POD, "nvidia.com/gpu: 1", "cpu: 1", "the GPU is not the server's alone"),
    (GPU_POD, "value: all", "value: void", "the agent sees no GPU"),
    (GPU_POD, "value: utility", "value: compute,utility", "the agent can do more than look"),
    (GPU_POD, "      runtimeClassName: nvidia\n", "", "a GPU, and no runtime for it"),
    (
        DEPLOYMENT,
        "readOnlyRootFilesystem: true",
        "readOnlyRootFilesystem: false",
        "is not confined",
    ),
];

#[test]
fn each_check_of_a_pod_can_fail() {
    let repository = TALOS_CONTAINER.repository();
    for (file, from, to, finding) in TWINS {
        let twin = (*file, *from, *to);
        let rendered = repository.broken(twin, || repository.render(&TALOS_CONTAINER.folder()));
        let Some(objects) = rendered.objects() else { return };
        let found = check(&objects);
        assert!(
            found.iter().any(|found| found.contains(finding)),
            "{file}, {from:?} → {to:?}: no {finding:?} in {found:#?}"
        );
    }
}

/// The server's liveness probe, as its container runs it, asking at another port.
fn probe(port: u16) -> Command {
    let objects = Objects::parse(&Repository::copy().read(DEPLOYMENT));
    let server = named(&pod(&objects)["containers"], "ollama").unwrap();
    let words = list(&server["livenessProbe"]["exec"]["command"]);
    let words: Vec<_> = words.iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(words.concat().matches(PORT).count(), 1);
    let mut words = words.iter().map(|word| word.replace(PORT, &format!("/127.0.0.1/{port}")));
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    command
}

/// Whether the kubelet would count it as a failure, where the agent answers so to one request.
fn fails(answer: &'static str) -> bool {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let agent = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            asked.extend(byte);
        }
        assert!(asked.starts_with(b"GET /ollama-livez HTTP/1."));
        client.write_all(answer.as_bytes()).unwrap();
    });
    let output = probe(port).output().unwrap();
    agent.join().unwrap();
    !output.status.success()
}

#[test]
fn the_server_is_restarted_only_where_it_is_said_to_be_stuck() {
    assert!(fails("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"));
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n",
        "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
        "nonsense",
        "",
    ] {
        assert!(!fails(answer), "{answer:?}");
    }
}

#[test]
fn an_agent_that_is_gone_or_hangs_restarts_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    assert!(probe(port).output().unwrap().status.success(), "it takes connections, and is silent");
    drop(listener.accept().unwrap());
    // It ends before it has read what it is asked.
    let ends = thread::spawn(move || drop(listener.accept().unwrap()));
    assert!(probe(port).output().unwrap().status.success(), "it takes one, and is gone");
    ends.join().unwrap();
    assert!(probe(port).output().unwrap().status.success(), "nobody listens");
}
