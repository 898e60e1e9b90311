//! Texts and what becomes of them.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

/// Changes a text by changing its value.
fn changed(text: &str, change: impl Fn(&mut Node)) -> Option<String> {
    let old = read(text).unwrap().root;
    let mut new = old.clone();
    change(&mut new);
    splice(text, &old, &new)
}

fn containers(root: &mut Node) -> &mut Vec<Node> {
    root.find_mut(&["spec"])
        .unwrap()
        .items_of_mut("containers")
        .unwrap()
}

const POD: &str = "# head\nspec: # s\n  containers: # c\n    # the app\n    - name: app # n\n      env: [] # none\n      mode: 0644\n\n    # the other\n    - image: x\n      name: other\n  # about grace\n  grace: 30 # g\n# tail\n";

#[test]
fn lines_come_in_and_everything_else_stays() {
    let said = changed(POD, |root| {
        let list = containers(root);
        list.first_mut().unwrap().set(
            "env",
            Node::list([Node::map([("name", Node::text("yes"))])]),
        );
        list.insert(0, Node::map([("name", Node::text("new"))]));
        root.find_mut(&["spec"])
            .unwrap()
            .set("grace", Node::plain(120));
        root.find_mut(&["spec"])
            .unwrap()
            .set("more", Node::map([("a", Node::plain(1))]));
    });
    let expected = "# head\nspec: # s\n  containers: # c\n    - name: new\n    # the app\n    - name: app # n\n      env:\n      - name: 'yes' # none\n      mode: 0644\n\n    # the other\n    - image: x\n      name: other\n  # about grace\n  grace: 120 # g\n  more:\n    a: 1\n# tail\n";
    assert_eq!(said.unwrap(), expected);
}

#[test]
fn however_far_a_manifest_is_indented_its_new_lines_are_too() {
    let deep = " ".repeat(70_000);
    let pod = format!("spec:\n{deep}containers:\n{deep}- name: app\n");
    let said = changed(&pod, |root| {
        let text = Node::text("two\nlines\n");
        containers(root).insert(0, Node::map([("name", text)]));
    });
    let new = format!("{deep}- name: |\n{deep}    two\n{deep}    lines\n");
    let expected = format!("spec:\n{deep}containers:\n{new}{deep}- name: app\n");
    assert!(said.unwrap() == expected);
}

#[test]
fn what_came_in_goes_out_again_to_the_byte() {
    for text in [
        POD,
        &POD.replace('\n', "\r\n"),
        POD.trim_end(),
        "spec:\n  containers:\n  - {name: a}\n  - name: b",
    ] {
        let add = |root: &mut Node| {
            let list = containers(root);
            list.insert(
                0,
                Node::map([("name", Node::text("new")), ("v", Node::text("a\nb"))]),
            );
            list.last_mut()
                .unwrap()
                .set("env", Node::list([Node::text("x")]));
            list.push(Node::map([("name", Node::text("last"))]));
            root.find_mut(&["spec"])
                .unwrap()
                .set("volumes", Node::list([Node::text("v")]));
        };
        let take = |root: &mut Node| {
            let list = containers(root);
            list.remove(0);
            list.pop();
            list.last_mut().unwrap().remove("env");
            root.find_mut(&["spec"]).unwrap().remove("volumes");
        };
        let with = changed(text, add).unwrap();
        assert_ne!(with, text);
        assert_eq!(with.contains("\r\n"), text.contains("\r\n"));
        assert_eq!(changed(&with, take).unwrap(), text);
    }
}

#[test]
fn what_stands_between_brackets_or_hangs_on_an_alias_changes_there_alone() {
    let add = |root: &mut Node| root.find_mut(&["a"]).unwrap().set("new", Node::plain(1));
    assert_eq!(
        changed("# c\na: {b: 1}\nd: 2 # e\n", add).unwrap(),
        "# c\na: {b: 1, new: 1}\nd: 2 # e\n"
    );
    assert_eq!(changed("{a: {b: 1}}", add).unwrap(), "{a: {b: 1, new: 1}}");
    // The alias stays a copy of what it was a copy of.
    assert_eq!(
        changed("x: &x {b: 1}\na: *x\n", add).unwrap(),
        "x: &x {b: 1}\na:\n  b: 1\n  new: 1\n"
    );
    // Where the anchor's own place changes and the alias must not, the alias becomes the copy.
    assert_eq!(
        changed("a: &x\n  b: 1\ny: *x\n", add).unwrap(),
        "a: &x\n  b: 1\n  new: 1\ny:\n  b: 1\n"
    );
}

#[test]
fn a_text_that_keeps_its_blank_lines_keeps_them() {
    let add = |root: &mut Node| root.set("new", Node::plain(1));
    assert_eq!(
        changed("a: |+\n  x\n\nb: |+\n  y\n\n", add).unwrap(),
        "a: |+\n  x\n\nb: |+\n  y\n\nnew: 1\n"
    );
}

/// Adds to a pod between brackets, and takes it out again.
fn there_and_back(text: &str) -> String {
    let with = changed(text, |root| {
        let list = containers(root);
        let image = Node::text("a:1");
        list.insert(
            0,
            Node::map([("name", Node::text("new")), ("image", image)]),
        );
        let env = Node::map([("name", Node::text("E")), ("value", Node::text("x, y"))]);
        list.last_mut().unwrap().set("env", Node::list([env]));
        let volume = Node::map([("name", Node::text("v")), ("emptyDir", Node::map([]))]);
        let spec = root.find_mut(&["spec"]).unwrap();
        spec.set("volumes", Node::list([volume]));
    })
    .unwrap_or_else(|| panic!("{text:?}"));
    let back = changed(&with, |root| {
        let list = containers(root);
        list.remove(0);
        list.last_mut().unwrap().remove("env");
        root.find_mut(&["spec"]).unwrap().remove("volumes");
    });
    assert_eq!(back.unwrap(), text, "{with}");
    with
}

#[test]
fn parts_between_brackets_come_and_go_to_the_byte() {
    for (text, with) in [
        (
            "spec: {containers: [{name: app}]} # c\n",
            "spec: {containers: [{name: new, image: 'a:1'}, {name: app, env: [{name: E, value: 'x, y'}]}], volumes: [{name: v, emptyDir: {}}]} # c\n",
        ),
        (
            r#"{"spec":{"containers":[{"name":"app"}]}}"#,
            r#"{"spec":{"containers":[{"name":"new","image":"a:1"},{"name":"app","env":[{"name":"E","value":"x, y"}]}],"volumes":[{"name":"v","emptyDir":{}}]}}"#,
        ),
        (
            "{\n\t\"spec\": {\n\t\t\"containers\": [\n\t\t\t{\n\t\t\t\t\"name\": \"app\"\n\t\t\t}\n\t\t]\n\t}\n}\n",
            "{\n\t\"spec\": {\n\t\t\"containers\": [\n\t\t\t{\n\t\t\t\t\"name\": \"new\",\n\t\t\t\t\"image\": \"a:1\"\n\t\t\t},\n\t\t\t{\n\t\t\t\t\"name\": \"app\",\n\t\t\t\t\"env\": [\n\t\t\t\t\t{\n\t\t\t\t\t\t\"name\": \"E\",\n\t\t\t\t\t\t\"value\": \"x, y\"\n\t\t\t\t\t}\n\t\t\t\t]\n\t\t\t}\n\t\t],\n\t\t\"volumes\": [\n\t\t\t{\n\t\t\t\t\"name\": \"v\",\n\t\t\t\t\"emptyDir\": {}\n\t\t\t}\n\t\t]\n\t}\n}\n",
        ),
    ] {
        assert_eq!(there_and_back(text), with);
        let dos = text.replace('\n', "\r\n");
        assert_eq!(there_and_back(&dos), with.replace('\n', "\r\n"));
    }
    for odd in [
        "spec: {containers: [{name: app,}, # ] }\n  {name: other, # no }\n  }, # ]\n ],\n}\n",
        "spec:\n  containers: [{name: app}, &x {<<: {image: i}, name: other}]\n",
        "spec: &s {\"containers\":[{\"name\":\"app\"}]}\n",
        "spec:\n  containers: &x [ {name: app} ]\n",
    ] {
        there_and_back(odd);
    }
}

#[test]
fn what_repeats_an_anchor_follows_it() {
    let text = "x: &x {name: app} # x\nspec: # s\n  containers:\n  - &c # c\n    name: a\n    env: &e\n    - {name: A}\n  - <<: *c # m\n    name: b\ny: *e\n";
    let new = || Node::map([("name", Node::text("new"))]);
    let with = changed(text, |root| {
        for one in containers(root) {
            one.items_of_mut("env").unwrap().push(new());
            one.set("mounts", Node::list([new()]));
        }
    })
    .unwrap();
    let expected = text
        .replace(
            "- {name: A}\n",
            "- {name: A}\n    - name: new\n    mounts:\n    - name: new\n",
        )
        .replace("y: *e", "y:\n- name: A");
    assert_eq!(with, expected);
    let back = changed(&with, |root| {
        for one in containers(root) {
            one.items_of_mut("env").unwrap().pop();
            one.remove("mounts");
        }
    });
    assert_eq!(back.unwrap(), text.replace("y: *e", "y:\n- name: A"));
}
