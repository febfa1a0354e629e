export default function NoOrderYet() {
  return <p className="receipt">The page of your order appears here, when the shop answers.</p>;
}
