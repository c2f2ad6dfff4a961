/** A program that has done all it had to do ends: what a component has left open would keep it for ever. */

/** ms in which what is closing closes. */
const SOON = 2000;

/** Ends the program in a moment, where it does not end by itself; its exit status is set. */
export function endSoon(): void {
  setTimeout(async () => {
    const left = [...new Set(process.getActiveResourcesInfo())].join(', ');
    const { createLogger } = await import('../core/log.ts');
    createLogger().warn(`something that was not closed (${left}) holds up the end: it is not waited for`);
    process.exit();
  }, SOON).unref();
}
