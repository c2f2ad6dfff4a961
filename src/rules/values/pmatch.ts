/** Path prefixes of `pmatch`: whole components, kept as a tree, so that a long list costs no more than a short one. */

import { globTest, hasWildcard } from './glob.ts';

interface Node {
  /** A prefix ends here. */
  end: boolean;
  readonly exact: Map<string, Node>;
  readonly wild: { readonly test: (component: string) => boolean; readonly node: Node }[];
}

/**
 * Makes a test whether one of the prefixes leads to a path. Doubled and trailing slashes count once, a leading slash is
 * optional, `/` and the empty prefix match everything; a component may hold wildcards (spec/falco-engine.md §2.6).
 */
export function prefixTest(prefixes: readonly string[]): (path: string) => boolean {
  const root = makeNode();
  for (const prefix of prefixes) {
    let node = root;
    for (const component of prefix.split('/')) if (component !== '') node = child(node, component);
    node.end = true;
  }
  return (path) => root.end || leads(root, path, 0);
}

function makeNode(): Node {
  return { end: false, exact: new Map(), wild: [] };
}

function child(node: Node, component: string): Node {
  const next = makeNode();
  if (hasWildcard(component)) {
    node.wild.push({ test: globTest(component), node: next });
    return next;
  }
  const known = node.exact.get(component);
  if (known === undefined) node.exact.set(component, next);
  return known ?? next;
}

function leads(node: Node, path: string, from: number): boolean {
  let start = from;
  while (path[start] === '/') start++;
  if (start >= path.length) return false;
  const slash = path.indexOf('/', start);
  const end = slash < 0 ? path.length : slash;
  const component = path.slice(start, end);
  const exact = node.exact.get(component);
  if (exact !== undefined && (exact.end || leads(exact, path, end))) return true;
  for (const { test, node: next } of node.wild) {
    if (test(component) && (next.end || leads(next, path, end))) return true;
  }
  return false;
}
