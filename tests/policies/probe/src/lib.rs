//! A policy that shows the end-to-end tests what a policy sees: it reads, stamps and rewrites as
//! its configuration says.
use outrigger_sdk::{
    Decision, Delta, Hooks, Places, Policy, Refusal, ReplyHead, Request, export_policy,
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Probe {
    /// Lists every passage and is shown every delta, and edits none.
    #[serde(default)]
    reads: bool,
    /// Put into the header `x-probe` of the upstream's request.
    #[serde(default)]
    stamp: Option<String>,
    /// Put behind each user passage.
    #[serde(default)]
    append: Option<String>,
    /// Makes the model's text upper case.
    #[serde(default)]
    upper: bool,
    /// The headers that it can see are put, by name, into `x-headers`.
    #[serde(default)]
    headers: bool,
    /// Put behind the system prompt; what it was, what the user said last and the names of tools are
    /// put into `x-view`.
    #[serde(default)]
    system: Option<String>,
}

impl Policy for Probe {
    const HOOKS: Hooks = Hooks::REQUEST.union(Hooks::REPLY);
    const READS: Places = Places::all();
    const REWRITES: Places = Places::all();

    fn hooks(&self) -> Hooks {
        if self.reads || self.upper {
            Hooks::REQUEST.union(Hooks::REPLY)
        } else {
            Hooks::REQUEST
        }
    }

    fn reads(&self) -> Places {
        if self.reads {
            Places::all()
        } else if self.system.is_some() {
            Places::SYSTEM | Places::USER
        } else if self.append.is_some() {
            Places::USER
        } else {
            Places::empty()
        }
    }

    fn rewrites(&self) -> Places {
        if self.reads {
            Places::all()
        } else if self.upper {
            Places::ASSISTANT
        } else {
            Places::empty()
        }
    }

    fn on_request(&mut self, request: &mut Request) -> Decision {
        if let Some(stamp) = &self.stamp {
            request.set_header("x-probe", stamp);
        }
        if self.headers {
            let names: Vec<String> = request
                .headers()
                .into_iter()
                .map(|header| header.name)
                .collect();
            request.set_header("x-headers", &names.join(","));
        }
        if let Some(text) = &self.system {
            let tools: Vec<String> = request.tools().iter().map(|tool| tool.name).collect();
            let (system, user) = (request.system().text(), request.last_user().text());
            request.set_header("x-view", &format!("{system}|{user}|{}", tools.join(",")));
            if let Err(why) = request.add_system(text) {
                return Decision::refuse(400, why);
            }
        }
        if let Some(append) = &self.append {
            request.edit_passages(|passage| Some(format!("{}{append}", passage.text)));
        } else if self.reads {
            std::hint::black_box(
                request
                    .passages()
                    .map(|passage| passage.text.len())
                    .sum::<usize>(),
            );
        }
        Decision::Forward
    }

    fn on_reply(&mut self, _: &ReplyHead, deltas: &mut [Delta]) -> Result<(), Refusal> {
        if self.upper {
            for delta in deltas {
                delta.replace(delta.text().to_uppercase());
            }
        }
        Ok(())
    }
}

export_policy!(Probe);
