/** The shop itself is the layout; the page of an order appears in it. */
export default function NoOrderYet() {
  return null;
}
