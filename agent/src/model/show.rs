//! Reads `/api/show`: a model's template, its parameters, and the weights it is made from.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::quoted::unquote;
use crate::config::Parameter;

/// What the server shows of one model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Shown {
    pub(super) template: String,
    /// One `name   value` a line.
    pub(super) parameters: String,
    pub(super) modelfile: String,
}

impl Shown {
    /// The digest of its weights: the last part of the path behind `FROM`.
    pub(super) fn weights(&self) -> Option<&str> {
        let from = self.modelfile.lines().find_map(|line| line.strip_prefix("FROM "))?;
        from.rsplit('/').next()?.trim().strip_prefix("sha256-")
    }

    /// How it differs from what is declared, in words. `None`: it does not.
    pub(super) fn differs_from(
        &self,
        template: &str,
        parameters: &BTreeMap<String, Parameter>,
    ) -> Option<String> {
        if self.template.trim() != template.trim() {
            return Some(format!("its template is {:?}, not {template:?}", self.template));
        }
        for (name, wanted) in parameters {
            let shown = self.parameter(name);
            if !shown.as_deref().is_some_and(|shown| equal(shown, wanted)) {
                let shown = shown.as_deref().unwrap_or("not set");
                return Some(format!("its {name} is {shown}, not {}", text(wanted)));
            }
        }
        None
    }

    fn parameter(&self, name: &str) -> Option<String> {
        self.parameters.lines().find_map(|line| {
            let (key, value) = line.trim().split_once(char::is_whitespace)?;
            let value = value.trim();
            (key == name).then(|| unquote(value).unwrap_or_else(|| value.to_owned()))
        })
    }
}

fn equal(shown: &str, wanted: &Parameter) -> bool {
    match wanted {
        // To the server every number is a float, and a large one looks like 1e+06.
        #[expect(clippy::cast_precision_loss, reason = "the server lost it before")]
        Parameter::Integer(wanted) => {
            shown.parse() == Ok(*wanted) || shown.parse() == Ok(*wanted as f64)
        }
        // The server prints the shortest form that reads back as the same f32.
        Parameter::Float(wanted) => {
            shown.parse::<f64>().is_ok_and(|shown| (shown - wanted).abs() <= 1e-6 * wanted.abs())
        }
        Parameter::Boolean(wanted) => shown.parse() == Ok(*wanted),
        Parameter::Text(wanted) => shown == wanted,
    }
}

fn text(parameter: &Parameter) -> String {
    match parameter {
        Parameter::Integer(value) => value.to_string(),
        Parameter::Float(value) => value.to_string(),
        Parameter::Boolean(value) => value.to_string(),
        Parameter::Text(value) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Model;

    fn shown() -> Shown {
        Shown {
            template: "{{ .Prompt }}".into(),
            parameters: "num_ctx                        4096\nstop    \"x y\"".into(),
            modelfile: "# FROM alias:1\n\nFROM /m/blobs/sha256-ab12\nTEMPLATE {{ .Prompt }}\n"
                .into(),
        }
    }

    #[test]
    fn the_reference_alias_matches_and_drift_is_named() {
        let declared = Model::default();
        let differs = |shown: Shown| shown.differs_from(&declared.template, &declared.parameters);
        assert_eq!(differs(shown()), None);
        let drifted = Shown { parameters: "num_ctx 8192".into(), ..shown() };
        assert_eq!(differs(drifted).unwrap(), "its num_ctx is 8192, not 4096");
        let unset = Shown { parameters: String::new(), ..shown() };
        assert_eq!(differs(unset).unwrap(), "its num_ctx is not set, not 4096");
        let other = Shown { template: "{{ .System }}".into(), ..shown() };
        assert!(differs(other).unwrap().starts_with("its template is"));
    }

    #[test]
    fn weights_are_read_from_the_modelfile() {
        assert_eq!(shown().weights(), Some("ab12"));
        assert_eq!(Shown::default().weights(), None);
        assert_eq!(Shown { modelfile: "FROM other:1".into(), ..shown() }.weights(), None);
    }

    #[test]
    fn parameters_of_every_kind_are_compared() {
        assert!(equal("0.8", &Parameter::Float(0.8)));
        assert!(!equal("0.9", &Parameter::Float(0.8)));
        assert!(equal("true", &Parameter::Boolean(true)));
        assert!(equal("x y", &Parameter::Text("x y".into())));
        assert!(!equal("garbage", &Parameter::Integer(1)));
        assert!(equal("1e+06", &Parameter::Integer(1_000_000)));
        assert!(!equal("1e+06", &Parameter::Integer(1_000_001)));
        let escaped = Shown { parameters: r#"stop    "\"\n""#.into(), ..shown() };
        let wanted = [("stop".to_owned(), Parameter::Text("\"\n".into()))].into();
        assert_eq!(escaped.differs_from(&escaped.template, &wanted), None);
    }
}
