// What an application is told by its environment.

/** Until the test ends, clients that are made are made in production. */
export function inProduction(t) {
  const before = process.env.NODE_ENV;
  process.env.NODE_ENV = 'production';
  t.after(() => {
    if (before === undefined) delete process.env.NODE_ENV;
    else process.env.NODE_ENV = before;
  });
}
