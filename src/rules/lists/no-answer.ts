/** An address from which a list is to come has not answered: another try may go well, with nothing changed here. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}
