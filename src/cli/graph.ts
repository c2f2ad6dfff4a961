/** `falco-pipe graph`: a pipeline as a picture: in text, for mermaid, or as SVG. */

import { loadPlan } from '../pipeline/plan/load.ts';
import type { Plan } from '../pipeline/plan/planned.ts';
import { say } from './say.ts';

interface Node {
  readonly id: string;
  readonly type: string;
  readonly kind: 'source' | 'operator' | 'sink';
  readonly from: readonly string[];
  /** What travels on the edges that leave it. */
  readonly emits: readonly string[];
}

/** Prints the graph of a pipeline file. */
export async function graph(path: string, options: { format: string; set?: readonly string[] }): Promise<void> {
  const nodes = nodesOf((await loadPlan(path, options.set, new Map(), { fetches: false })).plan);
  const draw = { text, mermaid, svg }[options.format] ?? text;
  say(`${draw(nodes)}\n`);
}

function nodesOf(plan: Plan): Node[] {
  return [
    ...plan.sources.map(({ id, type, emits }) => ({ id, type, kind: 'source' as const, from: [], emits })),
    ...plan.operators.map(({ id, type, from, emits }) => ({ id, type, kind: 'operator' as const, from, emits })),
    ...plan.sinks.map(({ id, type, from }) => ({ id, type, kind: 'sink' as const, from, emits: [] })),
  ];
}

/** Each source with all below it, indented; what was shown already is named only. */
export function text(nodes: readonly Node[]): string {
  const shown = new Set<string>();
  const below = (node: Node, depth: number): string[] => {
    const again = shown.has(node.id) && node.kind === 'operator';
    shown.add(node.id);
    const readers = nodes.filter(({ from }) => from.includes(node.id));
    const arrow = depth === 0 ? '' : `${'  '.repeat(depth - 1)}└ `;
    const line = `${arrow}${node.id} (${node.type})${node.emits.length > 0 ? ` : ${node.emits.join(', ')}` : ''}`;
    if (again) return [`${line}, see above`];
    return [line, ...readers.flatMap((reader) => below(reader, depth + 1))];
  };
  return nodes
    .filter(({ kind }) => kind === 'source')
    .flatMap((node) => below(node, 0))
    .join('\n');
}

const MERMAID: Record<Node['kind'], readonly [string, string]> = {
  source: ['([', '])'],
  operator: ['[', ']'],
  sink: ['[/', '/]'],
};

/** A flowchart for mermaid. Names are prefixed, for some are words of its language. */
export function mermaid(nodes: readonly Node[]): string {
  const boxes = nodes.map(({ id, type, kind }) => {
    const [open, close] = MERMAID[kind];
    return `  n_${id}${open}"${id}<br>${type}"${close}`;
  });
  const edges = edgesOf(nodes).map(([from, to]) => `  n_${from.id} -->|${from.emits.join(', ')}| n_${to.id}`);
  return ['flowchart LR', ...boxes, ...edges].join('\n');
}

const WIDTH = 160;
const HEIGHT = 44;
const GAP_X = 90;
const GAP_Y = 24;
const FILL: Record<Node['kind'], string> = { source: '#dbeafe', operator: '#f3f4f6', sink: '#dcfce7' };

/** A drawing in columns: each component stands right of all that it reads from. */
export function svg(nodes: readonly Node[]): string {
  const places = placesOf(nodes);
  const x = (id: string) => (places.get(id)?.column ?? 0) * (WIDTH + GAP_X) + GAP_Y;
  const y = (id: string) => (places.get(id)?.row ?? 0) * (HEIGHT + GAP_Y) + GAP_Y;
  const width = Math.max(...nodes.map(({ id }) => x(id))) + WIDTH + GAP_Y;
  const height = Math.max(...nodes.map(({ id }) => y(id))) + HEIGHT + GAP_Y;
  const edges = edgesOf(nodes).map(([from, to]) => {
    const [x1, y1, x2, y2] = [x(from.id) + WIDTH, y(from.id) + HEIGHT / 2, x(to.id), y(to.id) + HEIGHT / 2];
    const bend = (x2 - x1) / 2;
    const path = `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
    const title = `<title>${escaped(from.emits.join(', '))}</title>`;
    return `<path d="${path}" fill="none" stroke="#6b7280" marker-end="url(#arrow)">${title}</path>`;
  });
  const boxes = nodes.map(({ id, type, kind }) => {
    const box = `<rect x="${x(id)}" y="${y(id)}" width="${WIDTH}" height="${HEIGHT}" rx="6" fill="${FILL[kind]}" stroke="#374151"/>`;
    const line = (text: string, dy: number, size: number) =>
      `<text x="${x(id) + WIDTH / 2}" y="${y(id) + dy}" font-size="${size}" text-anchor="middle">${escaped(text)}</text>`;
    return `${box}${line(id, 19, 14)}${line(type, 35, 11)}`;
  });
  const arrow =
    '<marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#6b7280"/></marker>';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif">`,
    `<defs>${arrow}</defs>`,
    ...edges,
    ...boxes,
    '</svg>',
  ].join('\n');
}

function placesOf(nodes: readonly Node[]): Map<string, { column: number; row: number }> {
  const places = new Map<string, { column: number; row: number }>();
  const rows: number[] = [];
  // Nodes come upstream first, so all that one reads from has its place.
  for (const { id, from, kind } of nodes) {
    const column = kind === 'source' ? 0 : Math.max(...from.map((each) => places.get(each)?.column ?? 0)) + 1;
    const row = rows[column] ?? 0;
    rows[column] = row + 1;
    places.set(id, { column, row });
  }
  return places;
}

function edgesOf(nodes: readonly Node[]): (readonly [Node, Node])[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  return nodes.flatMap((to) => to.from.map((id) => [byId.get(id) as Node, to] as const));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
