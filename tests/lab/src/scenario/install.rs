//! `saigak-install`, as cloud-init's user-data brings it: what a guest takes for its agent.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::stage::{FIRST_READY, Stage};
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::options::Options;
use crate::net::client::AGENT_PORT;
use crate::process::Finished;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "install",
    story: "A package of the agent that was changed on its way, or does not answer: the old one stays",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Writes the files that cloud-init would.
const UNPACK: &str = r#"python3 -c '
import os, yaml
for file in yaml.safe_load(open("/root/user-data"))["write_files"]:
    if "saigak-install" in file["path"] or "install.conf" in file["path"]:
        os.makedirs(os.path.dirname(file["path"]), exist_ok=True)
        open(file["path"], "w").write(file["content"])
        os.chmod(file["path"], 0o755)
'"#;
/// Makes a package like the agent's, whose agent never answers.
const BREAK: &str = "cd /root && dpkg-deb --raw-extract good.deb bad && \
    printf '#!/bin/sh\\nexec sleep infinity\\n' > bad/usr/bin/saigak-agent && \
    sed -i 's/^Version: .*/Version: 99/' bad/DEBIAN/control && dpkg-deb --build bad bad.deb";
/// Names a package in the configuration, by its place and its sum.
const NAME: &str = "sum=$(sha256sum /root/$deb | cut -d' ' -f1) && \
    sed -i -e \"s|^AGENT_URL=.*|AGENT_URL=file:///root/$deb|\" \
    -e \"s|^\\(AGENT_SHA256_.*\\)=.*|\\1=$sum|\" /etc/saigak/install.conf";
/// The agent that runs, as systemd knows it.
const RUNS: &str = "saigak-agent.service";
/// The script gives an agent a minute, and installs two packages meanwhile.
const PATIENCE: Duration = Duration::from_mins(4);

async fn play(stage: &Stage) -> Result<()> {
    let options = Options { agent: false, ..stage.healthy_options().await? };
    let guest = stage.boot(options).await?;
    let package = stage.lab.run.plan.package()?;
    let package =
        std::fs::read(package).with_context(|| format!("cannot read {}", package.display()))?;
    guest.write_file("/root/good.deb", package)?;
    let user_data = include_str!("../../../../cloud-init/user-data");
    guest.write_file("/root/user-data", user_data)?;
    guest.sh(UNPACK).await?;
    guest.sh(BREAK).await?;

    stage.say("a package that is not the one that was promised");
    guest.sh(&format!("deb=good.deb; {NAME}; printf more >> /root/good.deb")).await?;
    let said = install(&guest).await?;
    ensure!(said.code == 1 && said.stderr.contains("has not the SHA-256"), "{said:?}");
    let installed = guest.try_sh("dpkg --status saigak-agent").await?;
    ensure!(installed.code != 0, "it was installed: {}", installed.stdout);

    stage.say("the right one");
    guest.sh("truncate --size=-4 /root/good.deb").await?;
    let mark = guest.mark();
    let said = install(&guest).await?;
    ensure!(said.code == 0, "{said:?}");
    guest.until_ready(mark.at, FIRST_READY).await?;
    let first = guest.invocation(RUNS).await?;
    let said = install(&guest).await?;
    ensure!(said.code == 0 && guest.invocation(RUNS).await? == first, "done twice: {said:?}");

    stage.say("one whose agent never answers");
    guest.sh(&format!("touch /var/lib/saigak-agent/kept; deb=bad.deb; {NAME}")).await?;
    let mark = guest.mark();
    let said = install(&guest).await?;
    ensure!(said.code == 3 && said.stderr.contains("the one before it is back"), "{said:?}");
    let answer = guest.get(AGENT_PORT, "/livez").await?;
    ensure!(answer.status == 200, "/livez: {}", answer.status);
    guest.sh("test -e /var/lib/saigak-agent/kept").await.context("the agent's state is lost")?;
    guest.until_ready(mark.at, FIRST_READY).await?;
    let back = guest.invocation(RUNS).await?;
    let said = install(&guest).await?;
    ensure!(said.code == 3 && said.stderr.contains("was tried"), "{said:?}");
    ensure!(guest.invocation(RUNS).await? == back, "a refused package was tried again");
    Ok(())
}

async fn install(guest: &Guest) -> Result<Finished> {
    guest.sh_within("saigak-install agent", PATIENCE).await
}
