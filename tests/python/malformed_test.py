"""The table of malformed requests against the WSGI adapter and the bundled worker in C++."""
import unittest

import malformed
from support import PARKING, SUPERVISOR_WORKER, Pool, wsgi


class Malformed(unittest.TestCase):
    def check(self, command, config):
        with Pool(command, workers=2, **config) as pool:
            wrong = []
            for name, data, allowed in malformed.CASES:
                answer = malformed.ask(pool.connect, data + malformed.SMUGGLED)
                wrong.append(malformed.wrong(name, answer, allowed))
            self.assertEqual([words for words in wrong if words], [])
            counters = pool.pool()["counters"]
            self.assertEqual((counters["violations"], counters["crashes"], counters["lost"]), (0, 0, 0))
            self.assertNotIn("Traceback", pool.log())

    def test_wsgi_answers_no_request_that_could_mean_two_things(self):
        """FAULTS 344: a malformed or ambiguous request is refused, and what follows it is never taken for a request."""
        self.check(wsgi("plain"), PARKING)

    def test_wsgi_without_parking(self):
        self.check(wsgi("plain", "--keep-alive", "5"), {})

    def test_the_bundled_http_worker(self):
        self.check([SUPERVISOR_WORKER, "http"], PARKING)

    def test_the_table_has_many_and_different_cases(self):
        self.assertGreaterEqual(len(malformed.CASES), 40)
        self.assertEqual(len({name for name, _, _ in malformed.CASES}), len(malformed.CASES))
        self.assertEqual(len({data for _, data, _ in malformed.CASES}), len(malformed.CASES))


if __name__ == "__main__":
    unittest.main()
