/* Raft's elections without logs: the same model as in election.py and Election.tla.
 *
 *     spin -a -DSERVERS=3 -DTERMS=2 -DCAPACITY=8 -DQUORUM=2 election.pml
 *     gcc -O2 -DSAFETY -DNOREDUCE -o pan pan.c && ./pan
 *
 * Of 2 to 5 servers and 1 to 4 terms. Servers are processes 0, 1, ...; a set of servers is a byte with a bit for each.
 * Every message is sent at most once, so the network is a bit for each. Channels are more usual, but take more memory and
 * time; this model is as fast as Spin can be. A step is a d_step, and so one transition, as in the other two models.
 */

#define NOBODY SERVERS
#define BIT(i) (1 << (i))
#define OTHERS (BIT(SERVERS) - 1 - BIT(_pid))
#define AT(t, i) ((t - 1) * SERVERS + (i))

mtype = { follower, candidate, leader };

byte term[SERVERS];                 /* from 0 */
mtype role[SERVERS] = follower;
byte vote[SERVERS] = NOBODY;        /* for whom it voted in its term */
byte votes[SERVERS];                /* who voted for it in its term */
byte requests[TERMS * SERVERS];     /* to whom a candidate's request in a term is in flight */
byte replies[TERMS * SERVERS];      /* to whom a voter's vote in a term is in flight */
byte in_flight;
hidden byte count, other;

/* No two servers lead the same term; only a new leader can break this. */
inline lead() {
    role[_pid] = leader;
    for (other : 0 .. SERVERS - 1) {
        assert(other == _pid || role[other] != leader || term[other] != term[_pid])
    }
}

/* A server becomes a candidate, and votes for itself. */
#define TIMEOUT \
    :: d_step { \
        role[_pid] != leader && term[_pid] < TERMS && in_flight + SERVERS - 1 <= CAPACITY -> \
        term[_pid]++; \
        role[_pid] = candidate; \
        vote[_pid] = _pid; \
        votes[_pid] = BIT(_pid); \
        requests[AT(term[_pid], _pid)] = OTHERS; \
        in_flight = in_flight + SERVERS - 1 \
    }

/* A newer term makes a follower, and a vote is given once in a term. */
#define HANDLE_REQUEST(t, i) \
    :: d_step { \
        requests[AT(t, i)] & BIT(_pid) -> \
        requests[AT(t, i)] = requests[AT(t, i)] & ~BIT(_pid); \
        if \
        :: t > term[_pid] -> term[_pid] = t; role[_pid] = follower; vote[_pid] = NOBODY; votes[_pid] = 0 \
        :: else \
        fi; \
        if \
        :: t == term[_pid] && vote[_pid] == NOBODY -> \
            vote[_pid] = i; \
            replies[AT(t, _pid)] = replies[AT(t, _pid)] | BIT(i) \
        :: else -> in_flight-- \
        fi \
    }

/* A candidate with enough votes leads. */
#define HANDLE_VOTE(t, i) \
    :: d_step { \
        replies[AT(t, i)] & BIT(_pid) -> \
        replies[AT(t, i)] = replies[AT(t, i)] & ~BIT(_pid); \
        in_flight--; \
        if \
        :: role[_pid] == candidate && t == term[_pid] -> \
            votes[_pid] = votes[_pid] | BIT(i); \
            count = 0; \
            for (other : 0 .. SERVERS - 1) { count = count + ((votes[_pid] >> other) & 1) } \
            if \
            :: count >= QUORUM -> lead() \
            :: else \
            fi \
        :: else \
        fi \
    }

#define HANDLE(t, i) HANDLE_REQUEST(t, i) HANDLE_VOTE(t, i)

#define FROM_0_TO_1(t) HANDLE(t, 0) HANDLE(t, 1)
#if SERVERS > 2
#define FROM_2(t) HANDLE(t, 2)
#else
#define FROM_2(t)
#endif
#if SERVERS > 3
#define FROM_3(t) HANDLE(t, 3)
#else
#define FROM_3(t)
#endif
#if SERVERS > 4
#define FROM_4(t) HANDLE(t, 4)
#else
#define FROM_4(t)
#endif
#define HANDLE_ANY(t) FROM_0_TO_1(t) FROM_2(t) FROM_3(t) FROM_4(t)

active [SERVERS] proctype server() {
end:
    do
    TIMEOUT
    HANDLE_ANY(1)
#if TERMS > 1
    HANDLE_ANY(2)
#endif
#if TERMS > 2
    HANDLE_ANY(3)
#endif
#if TERMS > 3
    HANDLE_ANY(4)
#endif
    od
}
