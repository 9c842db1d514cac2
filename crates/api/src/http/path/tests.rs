use super::*;

fn read(path: &str) -> (String, Option<&str>) {
    let named = Named::read(path, "uid").expect("it is one");
    (named.name, named.verb)
}

#[test]
fn the_verb_is_what_follows_the_last_unescaped_colon() {
    for (path, name, verb) in [
        ("/v1/users/42", "42", None),
        ("/v1/users/42:disconnect", "42", Some("disconnect")),
        ("/v1/users/a:b:disconnect", "a:b", Some("disconnect")),
        ("/v1/users/a%3Ab", "a:b", None),
        ("/v1/users/a%3ab:disconnect", "a:b", Some("disconnect")),
        ("/v1/users/a%2Fb%20%C3%A9", "a/b é", None),
        ("/v1/users/a+b", "a+b", None),
        ("/v1/users/a:", "a", Some("")),
    ] {
        assert_eq!(read(path), (name.to_owned(), verb), "{path}");
    }
}

#[test]
fn what_is_not_percent_encoded_text_is_refused() {
    for path in ["/v1/users/%", "/v1/users/%4", "/v1/users/%zz", "/v1/users/%ff", "/v1/users/a%+1"] {
        assert_eq!(Named::read(path, "uid").map_err(|failure| failure.code()), Err(tidings_model::Code::InvalidField), "{path}");
    }
}
