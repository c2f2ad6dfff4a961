import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Alert, makeAlert } from '../../src/events/alert.ts';
import { EventRecord } from '../../src/events/record.ts';
import { redactCommon, redacted, redactMessage } from '../../src/events/redact.ts';

const R = '[redacted]';

describe('redactCommon', () => {
  it.each([
    ['mysqldump --password=hunter2 db', `mysqldump --password=${R} db`],
    ['tool --api-key sk-123 --verbose', `tool --api-key ${R} --verbose`],
    ['PGPASSWORD=hunter2 psql -h db', `PGPASSWORD=${R} psql -h db`],
    ['DB_PASSWORD="two words"', `DB_PASSWORD="${R}"`],
    ['sh -c "tool --token \'two words\' x"', `sh -c "tool --token '${R}' x"`],
    ["password: 'a\"b c'", `password: '${R}'`],
    ['{"client_secret": "abc", "id": 1}', `{"client_secret": "${R}", "id": 1}`],
    [String.raw`{"c":"x --password=\"two words\" y"}`, String.raw`{"c":"x --password=\"${R}\" y"}`],
    [String.raw`{"c":"x --token \"a\" TOKEN=\"b\""}`, String.raw`{"c":"x --token \"${R}\" TOKEN=\"${R}\""}`],
    [String.raw`{"c":"{\"secret\":\"abc\"}"}`, String.raw`{"c":"{\"secret\":\"${R}\"}"}`],
    ['mysql -u root -phunter2 db', `mysql -u root -p${R} db`],
    ['sshpass -p hunter2 ssh host', `sshpass -p ${R} ssh host`],
    ['curl -s -u admin:hunter2 https://x', `curl -s -u admin:${R} https://x`],
    ['git clone https://me:hunter2@host/r.git', `git clone https://me:${R}@host/r.git`],
    ['curl -H "Authorization: Bearer abc.def" x', `curl -H "Authorization: Bearer ${R}" x`],
    ['aws AKIAIOSFODNN7EXAMPLE', `aws AKIAIOSF${R}`],
    ['AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG', `AWS_SECRET_ACCESS_KEY=${R}`],
    [`x ghp_${'a'.repeat(36)} y`, `x ghp_${R} y`],
    [`eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM.abc-DEF_1`, `eyJ${R}`],
    ['my-eyJ-eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM.abc', `my-eyJ${R}`],
    ['-----BEGIN RSA PRIVATE KEY-----MIIE', `-----BEGIN RSA PRIVATE KEY-----${R}`],
  ])('%s', (text, clean) => {
    expect(redactCommon(text)).toBe(clean);
    // What is clean stays as it is.
    expect(redactCommon(clean)).toBe(clean);
  });

  it('of a quoted secret nothing is left, however long it is', () => {
    const long = 'two words '.repeat(4000);
    for (const quote of ['"', "'", String.raw`\"`, String.raw`\\\"`]) {
      for (const before of ['tool --password=', 'DB_PASSWORD=', 'tool --token ', 'secret: ']) {
        expect(redactCommon(`${before}${quote}${long}${quote} rest`)).toBe(`${before}${quote}${R}${quote} rest`);
      }
    }
  });

  it.each([
    'cat /etc/passwd',
    'Sensitive file opened (file=/etc/shadow user=root command=cat /etc/passwd)',
    'passwd -l root',
    'docker run -u 1000:1000 alpine',
    'ssh -p 22 host',
    'docker login --password-stdin registry',
    'vault --token-file=/run/token status',
    'open /var/run/secrets/kubernetes.io/serviceaccount/token',
    'https://host:8443/path',
    'basic authentication failed',
  ])('leaves %s', (text) => expect(redactCommon(text)).toBe(text));

  it('finds in a text alone what it finds in one where it has to look more closely', () => {
    const parts = fc.constantFrom(
      ...[
        'password',
        'token',
        '=',
        ' ',
        ':',
        '--',
        'x',
        '"',
        '\\',
        "'",
        '/etc/',
        'AKIAIOSFODNN7EXAMPLE',
        'mysql',
        ' -p',
        'eyJ',
      ],
      ...[`ghp_${'a'.repeat(12)}`, `npm_${'b'.repeat(12)}`, 'eyJhbGciOi.eyJzdWIi.abc', '://u:', '@h', 'api_key', '-'],
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), (all) => {
        const text = all.join('');
        // With this before it every pattern is tried.
        const before = 'npm_=\n';
        expect(redactCommon(before + text)).toBe(before + redactCommon(text));
      }),
      { numRuns: process.env.FALCO_PIPE_LONG ? 100_000 : 2000 },
    );
  });

  it('leaves no web token whole, wherever in a word it begins', () => {
    const parts = fc.constantFrom('eyJ', '-', '_', '.', 'a', 'abcdefgh', 'eyJabcdefgh', ' ');
    fc.assert(
      fc.property(fc.array(parts, { minLength: 3, maxLength: 14 }), (all) => {
        expect(redactCommon(all.join(''))).not.toMatch(/\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+/);
      }),
      { numRuns: process.env.FALCO_PIPE_LONG ? 1_000_000 : 20_000 },
    );
  });

  // So many letters that with quadratic time none of these would end within the time that a test has.
  const words = [
    'password',
    'mysql',
    'curl -u a',
    '://a',
    'authorization',
    'bearer',
    'eyJ',
    'npm_',
    'AKIA',
    '-----BEGIN ',
    'a',
  ];
  it.each(words.flatMap((word) => ['', '-', '.', ' ', ':', '"', ' --'].map((before) => before + word)))(
    'ends soon on a long text of %s',
    (part) => {
      expect(redactCommon(`${part.repeat(400_000 / part.length)} --password=x`)).toMatch(/\[redacted\]$/);
    },
  );
});

describe('redactMessage', () => {
  const messageOf = (text: string): string => {
    try {
      JSON.parse(text);
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };

  it('tells what is wrong with JSON, and quotes nothing of it', () => {
    const parts = fc.constantFrom(...'{}[],:"\'=ox ', '\u{1f600}', 'token', '"password"', 'hunter2secret', '"token": ');
    let unexpected = 0;
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), (all) => {
        const message = messageOf(all.join(''));
        const said = redactMessage(`the line is not JSON: ${message}`);
        expect(said).not.toContain('unter2');
        const [, token] = /^(Unexpected token '..?')/su.exec(message) ?? [];
        if (token !== undefined) unexpected++;
        expect(said).toBe(`the line is not JSON: ${token === undefined ? message : `${token} is not valid JSON`}`);
      }),
      { numRuns: 1000 },
    );
    expect(unexpected).toBeGreaterThan(100);
  });

  it.each([
    ["failed: Unexpected token 'hunter2'", `failed: Unexpected token '${R}'`],
    ["unknown --token 'o'", `unknown --token '${R}'`],
    ['no answer of https://me:hunter2@host', `no answer of https://me:${R}@host`],
  ])('hides secrets: %s', (message, clean) => expect(redactMessage(message)).toBe(clean));
});

describe('redacted', () => {
  const content = {
    rule: 'password=x',
    priority: 'Notice',
    tags: ['token=abc'],
    hostname: 'node1',
    output: 'ran x --token=abc',
    source: 'syscall',
    outputFields: {
      'proc.cmdline': 'x --token=abc',
      'proc.args': ['--token=abc', 'b'],
      'proc.pid': 7,
      'fd.name': null,
    },
  };

  it('changes the output and fields of an alert; its rule, tags and id stay', () => {
    const alert = makeAlert(1n, content);
    const clean = redacted(alert, redactCommon) as Alert;
    expect(clean).toBeInstanceOf(Alert);
    expect(clean.get('output')).toBe(`ran x --token=${R}`);
    expect(clean.outputFields).toEqual({
      'proc.cmdline': `x --token=${R}`,
      'proc.args': [`--token=${R}`, 'b'],
      'proc.pid': 7,
      'fd.name': null,
    });
    expect(clean.get('proc.cmdline')).toBe(`x --token=${R}`);
    expect([clean.type, clean.get('rule'), clean.get('tags')]).toEqual(['password=x', 'password=x', ['token=abc']]);
    expect([clean.id, clean.get('id')]).toEqual([alert.id, alert.id]);
  });

  it('changes the fields of other events, and returns what has nothing to hide as it is', () => {
    const record = new EventRecord('syscall', 'execve', 1n, { 'proc.cmdline': 'x --token=abc', n: 1n });
    expect(redacted(record, redactCommon).fields).toEqual({ 'proc.cmdline': `x --token=${R}`, n: 1n });
    for (const event of [
      new EventRecord('syscall', 'open', 1n, { a: 'b' }),
      makeAlert(1n, { ...content, output: '', outputFields: {} }),
    ])
      expect(redacted(event, redactCommon)).toBe(event);
  });
});
