/** A part of an operator's configuration that is planned like one of its own. */

import type { Edge } from '../../core/component.ts';

/** The edge, for what stands at `place` in the configuration: places are found and errors reported below it. */
export function inside(edge: Edge, place: readonly (string | number)[]): Edge {
  return {
    sources: edge.sources,
    provided: edge.provided,
    shared: edge.shared,
    demand: edge.demand,
    fills: edge.fills,
    emitsType: edge.emitsType,
    resolve: edge.resolve,
    read: edge.read,
    files: edge.files,
    note: edge.note,
    placer: (path) => edge.placer([...place, ...path]),
    claim: (claims, path) => edge.claim(claims, [...place, ...path]),
    report: (diagnostic, path = []) => edge.report(diagnostic, [...place, ...path]),
  };
}
