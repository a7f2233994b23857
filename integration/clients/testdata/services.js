// Prints the addresses and ports of each service that it reads, and an empty line behind.
const dns = require('dns').promises
const lines = require('readline').createInterface({ input: process.stdin })

function unlessNone(e) {
  if (e.code !== 'ENOTFOUND' && e.code !== 'ENODATA') console.log('!', e.message)
  return []
}

lines.on('line', async (service) => {
  for (const srv of await dns.resolveSrv(service).catch(unlessNone)) {
    for (const address of await dns.resolve4(srv.name).catch(unlessNone)) console.log(`${address}:${srv.port}`)
    for (const address of await dns.resolve6(srv.name).catch(unlessNone)) console.log(`[${address}]:${srv.port}`)
  }
  console.log()
})
