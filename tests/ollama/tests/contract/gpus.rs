//! Where a model is put, by the GPUs that a server has found when it started.

use std::fs;

use saigak_lab_gpu::{State, client};

use crate::fixture::MODEL;
use crate::server::{Place, Server};

/// A place with a model, and with GPUs in this state.
fn with(state: &State) -> Place {
    let place = Place::with_model();
    fs::create_dir_all(place.path("gpu").join(client::DIRECTORY)).unwrap();
    state.write(&place.path("gpu")).unwrap();
    place
}

/// The bytes of the model, and those of them on a GPU.
async fn sizes(server: &Server) -> (u64, u64) {
    let loaded = server.loaded().await;
    assert_eq!(loaded.len(), 1);
    let number = |key: &str| loaded[0][key].as_u64().unwrap();
    (number("size"), number("size_vram"))
}

#[tokio::test]
async fn a_model_is_put_on_the_gpu_and_its_memory_is_free_again_without_it() {
    let state = State::healthy();
    let server = with(&state).start().await;
    assert_eq!(server.embed(MODEL, "x").await.status, 200);
    let (size, vram) = sizes(&server).await;
    assert_eq!(size, vram);
    let directory = server.gpus();
    let [runner] = server.runners()[..] else { panic!("one runner") };
    let clients = State::clients_of(&state.gpus[0], &directory);
    assert_eq!(clients.len(), 1);
    assert_eq!((i64::from(clients[0].pid), clients[0].bytes), (runner.as_raw().into(), size));
    drop(server);
}

#[tokio::test]
async fn a_server_that_started_before_the_driver_stays_on_the_cpu() {
    let mut state = State::healthy();
    state.driver = None;
    let server = with(&state).start().await;
    state.driver = Some(state.library.clone());
    state.write(&server.gpus()).unwrap();
    assert_eq!(server.embed(MODEL, "x").await.status, 200);
    assert_eq!(sizes(&server).await.1, 0);
}

#[tokio::test]
async fn as_much_as_there_is_room_for_is_put_on_the_gpu() {
    let mut state = State::healthy();
    state.gpus[0].foreign = state.gpus[0].memory - 1000;
    let server = with(&state).start().await;
    assert_eq!(server.embed(MODEL, "x").await.status, 200);
    assert_eq!(sizes(&server).await.1, 1000);
}

#[tokio::test]
async fn a_lost_gpu_ends_its_runner_and_the_next_is_on_the_cpu() {
    let mut state = State::healthy();
    let server = with(&state).start().await;
    assert_eq!(server.embed(MODEL, "x").await.status, 200);
    state.gpus[0].lost = true;
    state.write(&server.gpus()).unwrap();
    assert_ne!(server.embed(MODEL, "y").await.status, 200);
    assert_eq!(server.embed(MODEL, "y").await.status, 200);
    assert_eq!(sizes(&server).await.1, 0);
}
