/** A table by prefix: finds all prefixes of a text in one walk over it, however many there are. */

interface Branch<T> {
  /** What the text goes on with here; never empty but at the root. */
  label: string;
  value: T | undefined;
  /** By the first UTF-16 unit of their labels. */
  readonly branches: Map<number, Branch<T>>;
}

export class PrefixTree<T> {
  readonly #root: Branch<T> = { label: '', value: undefined, branches: new Map() };

  set(prefix: string, value: T): void {
    let branch = this.#root;
    for (let at = 0; at < prefix.length; ) {
      const next = branch.branches.get(prefix.charCodeAt(at));
      if (next === undefined) {
        const leaf: Branch<T> = { label: prefix.slice(at), value, branches: new Map() };
        branch.branches.set(prefix.charCodeAt(at), leaf);
        return;
      }
      const common = commonLength(next.label, prefix, at);
      branch = common < next.label.length ? split(branch, next, common) : next;
      at += common;
    }
    branch.value = value;
  }

  /** Adds the values of all prefixes of a text to `found`, shortest first. */
  find<R>(text: string, found: R, add: (found: R, value: T) => R): R {
    let result = this.#root.value === undefined ? found : add(found, this.#root.value);
    let branch = this.#root.branches.get(text.charCodeAt(0));
    for (let at = 0; branch !== undefined && text.startsWith(branch.label, at); ) {
      if (branch.value !== undefined) result = add(result, branch.value);
      at += branch.label.length;
      branch = branch.branches.get(text.charCodeAt(at));
    }
    return result;
  }
}

function commonLength(label: string, text: string, from: number): number {
  let length = 0;
  while (length < label.length && label.charCodeAt(length) === text.charCodeAt(from + length)) length++;
  return length;
}

/** Cuts a branch in two, and returns the nearer part. */
function split<T>(above: Branch<T>, branch: Branch<T>, length: number): Branch<T> {
  const rest: Branch<T> = { ...branch, label: branch.label.slice(length) };
  const near: Branch<T> = { label: branch.label.slice(0, length), value: undefined, branches: new Map() };
  near.branches.set(rest.label.charCodeAt(0), rest);
  above.branches.set(near.label.charCodeAt(0), near);
  return near;
}
