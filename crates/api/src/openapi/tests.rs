use std::collections::BTreeSet;

use tidings_json::Json;

use super::*;
use crate::http::routes::ROUTES;

#[test]
fn it_is_json_and_means_the_same_indented() {
    let compact = document();
    assert_eq!(Json::parse(openapi().as_bytes()).map(|json| json.to_string()), Ok(compact));
}

#[test]
fn the_committed_document_is_this_one() {
    let committed = include_str!("../../../../docs/openapi.json");
    assert!(committed == openapi(), "docs/openapi.json has drifted: run the server, curl 127.0.0.1:5001/openapi.json > docs/openapi.json");
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let all: Vec<_> = operations::ALL.iter().copied().flatten().collect();
    let ids: BTreeSet<_> = all.iter().map(|operation| operation.id).collect();
    let places: BTreeSet<_> = all.iter().map(|operation| (operation.method, operation.path)).collect();
    assert_eq!((ids.len(), places.len()), (all.len(), all.len()));
}

#[test]
fn every_shape_that_is_named_is_there() {
    let document = document();
    let known: BTreeSet<_> = shapes::ALL.iter().map(|(name, _)| *name).collect();
    let named: BTreeSet<_> = document.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(named, known);
}

#[test]
fn every_route_but_the_demos_is_documented_and_nothing_else() {
    let served: BTreeSet<_> = ROUTES.iter().filter(|route| !route.is_demo()).map(|route| (route.method, route.path)).collect();
    let operations = operations::ALL.iter().copied().flatten();
    let documented: Vec<_> = operations
        .map(|operation| operation.route().map(|route| (route.method, route.path)).ok_or((operation.method, operation.path)))
        .collect();
    assert_eq!(documented.iter().copied().collect::<Result<BTreeSet<_>, _>>(), Ok(served));
}
