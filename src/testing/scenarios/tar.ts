/** Tar archives (POSIX ustar), as container engines import images. */

export interface TarEntry {
  /** Relative, shorter than 100 bytes. */
  readonly path: string;
  readonly mode: number;
  /** A file's content; a folder's is undefined. */
  readonly content?: Uint8Array;
  /** What a symbolic link leads to. */
  readonly link?: string;
}

const BLOCK = 512;

/** An archive of entries in their order (tar(5), ustar): without content or link they are folders. */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  const parts = entries.flatMap(({ content = new Uint8Array(), ...entry }, index) => {
    const isFolder = entries[index]?.content === undefined && entry.link === undefined;
    const type = entry.link !== undefined ? '2' : isFolder ? '5' : '0';
    const rest = (BLOCK - (content.length % BLOCK)) % BLOCK;
    return [header(entry, type, content.length), content, Buffer.alloc(rest)];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

function header({ path, mode, link = '' }: TarEntry, type: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, width: number) =>
    block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1');
  if (Buffer.byteLength(path) > 99 || Buffer.byteLength(link) > 99)
    throw new RangeError(`${path} is too long for a tar`);
  block.write(path, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  // The sum is made as if its own place were blank.
  block.fill(' ', 148, 156);
  block.write(type, 156);
  block.write(link, 157);
  block.write('ustar\u000000', 257, 'latin1');
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return block;
}
