/** What client and server both know of the cart. */
export type Cart = { bags: number };

export const BAG_CENTS = 1900;
