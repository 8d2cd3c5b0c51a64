//! What remedies do to the server's unit.

use saigak_agent::core::Outcome;
use saigak_agent::ollama;

use super::{Act, Hands, done, failed, refused};
use crate::guest::Guest;
use crate::world::{Load, Start};

impl Guest {
    pub(super) fn do_server(&mut self, remedy: ollama::Remedy, act: &mut Act) -> Outcome {
        let world = &mut self.world;
        if remedy == ollama::Remedy::StopRunner {
            if !world.unit.runs() {
                return done("the unit does not run");
            }
            world.end_runner();
            return done("ended the runner");
        }
        // The helper opens the disk before it does anything.
        if world.disk.mounted && world.disk.hangs {
            act.ends = None;
            return failed("the disk hangs");
        }
        if !world.disk.mounted || world.unit.load != Load::Loaded {
            return refused("no disk, or no unit");
        }
        let start = match remedy {
            ollama::Remedy::Start | ollama::Remedy::StopRunner => world.start_unit(),
            ollama::Remedy::ResetFailed => {
                if self.hands == Hands::Half {
                    world.reset_failed();
                    return failed("the job was cancelled");
                }
                let (start, ends) = world.reset_and_start();
                act.ends = act.ends.max(Some(ends));
                start
            }
            ollama::Remedy::Restart | ollama::Remedy::BindAll | ollama::Remedy::UseDataDisk => {
                world.server.by_drop_in |= remedy == ollama::Remedy::BindAll;
                world.server.store_by_drop_in |= remedy == ollama::Remedy::UseDataDisk;
                let (start, ends) = world.restart_unit();
                act.ends = Some(ends.max(world.now));
                start
            }
        };
        match start {
            Start::Done | Start::Unneeded => done("started"),
            Start::Refused => refused("another job is queued"),
            Start::Limited => failed("start-limit-hit"),
        }
    }
}
