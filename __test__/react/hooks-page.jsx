// The hooks on a page of their own, in a real browser: every action is a fetch, so that the test has the network.
import { Component, startTransition, useRef } from 'react';
import { createRoot } from 'react-dom/client';
import { IdempotentForm, readProblem, useIdempotentActionState, useIdempotentCall } from '../../dist/react.mjs';

async function post(what, form) {
  const fields = form instanceof FormData ? Object.fromEntries(form) : form;
  const response = await fetch('/act', { method: 'POST', body: JSON.stringify({ what, ...fields }) });
  const answer = await response.json();
  if (answer.digest !== undefined) throw Object.assign(new Error(answer.message), { digest: answer.digest });
  return answer;
}

const order = (_previous, form) => post('order', form);
const buy = (product, _previous, form) => post(product, form);

function Order({ id, exclude }) {
  const { state, pending, problem, formProps } = useIdempotentActionState(order, null, { id, exclude });
  return (
    <form id={id} {...formProps}>
      <input name="item" defaultValue="tea" />
      <input name="captcha" type="hidden" value={Math.random()} />
      <button type="submit">order</button>
      <output>{pending ? 'pending' : JSON.stringify(state)}</output>
      <p>{problem?.code}</p>
    </form>
  );
}

function Product({ product }) {
  return (
    <IdempotentForm id="buy" action={buy} bound={[product]} data-product={product}>
      {({ state, problem }) => (
        <>
          <input name="bags" defaultValue="1" />
          <button type="submit">buy</button>
          <output>{JSON.stringify(state)}</output>
          <p>{problem?.code}</p>
        </>
      )}
    </IdempotentForm>
  );
}

/** The README's form: plain children, and nothing said of problems. */
function Plain({ id, ...more }) {
  return (
    <IdempotentForm id={id} data-form={id} action={order} {...more}>
      <input name="item" defaultValue="tea" />
      <button type="submit">order</button>
    </IdempotentForm>
  );
}

class Boundary extends Component {
  state = {};
  static getDerivedStateFromError(error) {
    return { error };
  }
  render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return <pre id="boundary">{JSON.stringify(readProblem(error))}</pre>;
  }
}

function Call() {
  window.call = useIdempotentCall((key, input) => post('call', { 'idempotency-key': key, ...input }), { id: 'call' });
  window.problemOf = (send) =>
    send().then(
      () => 'none',
      (error) => readProblem(error)?.code ?? `not a problem: ${error.message}`,
    );
  return null;
}

/** One FormData, sent without a form. */
function ByHand() {
  const { formProps } = useIdempotentActionState(order, null, { id: 'by hand' });
  const form = useRef(new FormData());
  window.byHand = (item = 'tea') => {
    form.current.set('item', item);
    startTransition(() => formProps.action(form.current));
  };
  return null;
}

createRoot(document.body.appendChild(document.createElement('main'))).render(
  <>
    <Order id="order" />
    <Order id="guarded" exclude={['captcha']} />
    <Product product="product-7" />
    <Product product="product-8" />
    <Plain id="plain" />
    <Plain id="german" problemMessages={{ ERR_IN_PROGRESS: 'Wird noch bearbeitet.', other: 'Das ging nicht.' }} />
    <Plain id="own" renderProblem={({ code, reference }) => <b>{`${code} ${reference}`}</b>} />
    <Boundary>
      <Plain id="thrown" throwProblems />
    </Boundary>
    <Call />
    <ByHand />
  </>,
);
