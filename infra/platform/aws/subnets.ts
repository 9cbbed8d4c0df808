/** Addresses of each zone's subnets. */
export interface ZoneCidrs {
  readonly public: string;
  readonly private: string;
}

/**
 * Cuts a /16 to /20 into sixteen equal parts: public subnets take the first ones, private ones the fifth and on. What lies
 * between them is room for another zone, and the second half stays free.
 * @param zones 1..4
 */
export function cutNetwork(cidr: string, zones: number): ZoneCidrs[] {
  const [address = "", length = ""] = cidr.split("/");
  const bits = Number(length) + 4;
  const begin = address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const part = (at: number): string => {
    const from = begin + at * 2 ** (32 - bits);
    const octets = [24, 16, 8, 0].map((shift) => Math.floor(from / 2 ** shift) % 256);
    return `${octets.join(".")}/${bits}`;
  };
  return Array.from({ length: zones }, (_, zone) => ({ public: part(zone), private: part(4 + zone) }));
}
