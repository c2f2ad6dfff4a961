/** Rules with many exceptions say what they would if each exception were looked at. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { catalogues } from '../../src/events/catalogue.ts';
import { EventRecord, recordForm } from '../../src/events/record.ts';
import { bindRules, loadRules } from '../../src/rules/index.ts';
import { rule } from './support.ts';

const FIELDS = ['proc.name', 'fd.name', 'proc.cmdline'] as const;
type Field = (typeof FIELDS)[number];
type Fields = Partial<Record<Field, string>>;

const word = fc.integer({ min: 0, max: 60 }).map((n) => `word${n}`);
/** One exception: what some fields have to be, the first of which may only begin so, or be something else. */
const exception = fc.record({
  names: fc.subarray([...FIELDS], { minLength: 1 }),
  words: fc.tuple(word, word, word),
  operator: fc.constantFrom('=', '=', 'startswith', '!='),
});
type Exception = typeof exception extends fc.Arbitrary<infer T> ? T : never;
const event = fc.record({ 'proc.name': word, 'fd.name': word, 'proc.cmdline': word }, { requiredKeys: [] });

const wordOf = ({ names, words }: Exception, name: Field) => words[names.indexOf(name)] as string;

function holds(each: Exception, fields: Fields): boolean {
  return each.names.every((name, place) => {
    const value = fields[name];
    if (value === undefined) return false;
    const wanted = wordOf(each, name);
    const operator = place === 0 ? each.operator : '=';
    return operator === 'startswith' ? value.startsWith(wanted) : (value === wanted) === (operator === '=');
  });
}

const condition = (each: Exception) =>
  each.names.map((name, place) => `${name} ${place === 0 ? each.operator : '='} ${wordOf(each, name)}`).join(' and ');

/** Has what one of the exceptions asks for. */
function likeThe(exceptions: readonly Exception[], number: number): Fields {
  const each = exceptions[number % exceptions.length] as Exception;
  return Object.fromEntries(each.names.map((name) => [name, wordOf(each, name)]));
}

it('many exceptions', () => {
  fc.assert(
    fc.property(
      fc.array(exception, { minLength: 60, maxLength: 200 }),
      fc.array(fc.tuple(event, fc.option(fc.nat())), { minLength: 1, maxLength: 20 }),
      (exceptions, given) => {
        const events = given.map(([fields, like]) => ({
          ...fields,
          ...(like === null ? {} : likeThe(exceptions, like)),
        }));
        const all = exceptions.map((each) => `(${condition(each)})`).join(' or ');
        const content = rule({ condition: `evt.type = openat and not (${all})` });
        const { rules, ok } = loadRules([{ name: 'rules.yaml', content }], { catalogues });
        expect(ok).toBe(true);
        const expected = events.map((fields) => !exceptions.some((each) => holds(each, fields as Fields)));
        for (const engine of ['closures', 'generated', 'cached'] as const) {
          const ruleset = bindRules(rules, recordForm, { matching: 'all', engine });
          const found = events.map((fields) => {
            let hit = false;
            ruleset.judge(
              new EventRecord('syscall', 'openat', 0n, { ...fields }),
              () => {
                hit = true;
              },
              (_, error) => {
                throw error;
              },
            );
            return hit;
          });
          expect(found, engine).toEqual(expected);
        }
      },
    ),
  );
});
