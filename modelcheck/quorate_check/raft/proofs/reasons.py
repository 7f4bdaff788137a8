"""The conjuncts that each proof uses.

z3 decides most of these questions from the whole invariant as well, but faster from fewer conjuncts. The lists serve
only speed: a list that doesn't suffice makes its proof fail. A proof without a list uses all conjuncts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# Of a leader that appends any entry,
APPENDED: Final = {
    "LaterElectoratesMeet": "LaterElectoratesMeet StartIsThere OffersWithinReach LeaderOffersItsLog",
    "ChangeIsThere": "ChangeIsThere BaseIsThere StartIsThere OffersWithinReach LeaderOffersItsLog",
    "OwnAfterStart": "OwnAfterStart OffersWithinReach LeadsItsTerm LedIsStarted LeaderOffersItsLog StartIsThere",
    "BaseIsLatest": "BaseIsLatest BaseIsThere OffersWithinReach LeaderOffersItsLog StartIsThere",
    "ElectorateCounted": "ElectorateCounted",
    "LackedByLater": "LackedByLater",
    "LackedFromBefore": "LackedFromBefore StartIsThere OffersWithinReach LeaderOffersItsLog LackedByLater",
    "LackedIsNotAcked": "LackedIsNotAcked LeaderOffersItsLog AcksInItsTerm",
    "CountedIsNotLacked": "CountedIsNotLacked CountedIsItsOwn OffersWithinReach LeaderOffersItsLog",
    "LogsStartAlike": "LogsStartAlike",
    "LogEndsOnce": "LogEndsOnce",
    "LogEndsThere": "LogEndsThere",
    "OffersOnce": "OffersOnce OffersWithinReach LeaderOffersItsLog",
    "OffersNoNewer": "OffersNoNewer",
    "OffersWithinReach": "OffersWithinReach LeaderOffersItsLog",
    "NoOfferBeforeStart": "LeadsItsTerm LedIsStarted NoOfferBeforeStart",
    "EntriesAreOfStarted": "OneCurrentTerm LeadsItsTerm LedIsStarted EntriesAreOfStarted",
    "OffersAreOfStarted": "LeadsItsTerm LedIsStarted OffersAreOfStarted",
    "LogsAreLikeTheirLeaders": "LogEndsThere OffersWithinReach LogsAreLikeTheirLeaders LeaderOffersItsLog",
    "DisksAreLikeTheirLeaders": "LogEndsThere DisksAreLikeTheirLeaders LeaderOffersItsLog",
    "OffersAreLikeTheirLeaders": "OffersWithinReach OffersAreLikeTheirLeaders LeaderOffersItsLog",
    "LeaderOffersItsLog": "OneCurrentTerm ElectionSafety LeadsItsTerm LeaderOffersItsLog",
    "AcksInItsTerm": "LeadsItsTerm LedIsStarted LeaderOffersItsLog AcksInItsTerm",
    "AckedIsThere": "OneCurrentTerm LeadsItsTerm LeaderOffersItsLog AcksInItsTerm AckedIsThere",
    "AcksAreDurable": "LeaderOffersItsLog AcksInItsTerm AcksAreDurable",
    "StandsWithItsLog": "OneCurrentTerm CandidateInItsTerm LeadsItsTerm CandidateHasNotLed StandsWithItsLog",
    "AckedIsKept": "LeftIsOlder LeadsItsTerm LeaderOffersItsLog AcksInItsTerm AckedIsKept",
    "AckedIsKeptOnDisk": "LeaderOffersItsLog AcksInItsTerm AckedIsKeptOnDisk",
    "VotesForTheComplete": "OneCurrentTerm LeftIsOlder LeftForGood VotesInItsTerm CandidateInItsTerm LeadsItsTerm "
    "LogEndsOnce LeaderOffersItsLog AcksInItsTerm VotesForTheComplete",
    "LaterLeadersHaveIt": "LaterLeadersHaveIt",
    "CountedIsItsOwn": "CountedIsItsOwn",
    "AppliedWasCounted": "AppliedWasCounted",
    "KnownStays": "LeadsItsTerm LedIsStarted LogsStartAlike OffersWithinReach LeaderOffersItsLog CountedIsItsOwn "
    "CountedStays KnownStays",
    "KnownIsDurable": "LogsStartAlike OffersWithinReach LeaderOffersItsLog CountedIsItsOwn KnownIsDurable",
}
# a configuration;
CONFIGURED: Final = {
    "JointThenFinal": "JointThenFinal OffersWithinReach LeaderOffersItsLog OffersOnce LeadsItsTerm LedIsStarted "
    "ChangeIsThere ChangeIsLatest",
    "ReplacedIsCommitted": "ReplacedIsCommitted ChangeIsThere ChangeIsLatest OffersWithinReach LeaderOffersItsLog "
    "LeadsItsTerm LedIsStarted",
    "ChangeIsLatest": "ChangeIsLatest OffersWithinReach LeaderOffersItsLog",
    "NeighboursAreAdjacent": "NeighboursAreAdjacent OffersWithinReach LeaderOffersItsLog OffersOnce LeadsItsTerm "
    "LedIsStarted ChangeIsThere ChangeIsLatest",
    "HoldersDecide": "HoldersDecide CountedIsItsOwn OffersWithinReach LeaderOffersItsLog",
    "CountersAreNeighbours": "CountersAreNeighbours HoldersDecide OffersOnce CountedIsItsOwn OffersWithinReach "
    "LeaderOffersItsLog ChangeIsThere ChangeIsLatest",
    "LaterElectorates": "LaterElectorates StartIsThere OffersWithinReach LeaderOffersItsLog",
}
# of a server that acknowledges.
ACKNOWLEDGED: Final = {
    "ElectorateCounted": "ElectorateCounted",
    "LackedIsNotAcked": "LackedIsNotAcked LackedByLater VotesInItsTerm LeftIsOlder VotersElected StartedIsLed",
    "CandidateInItsTerm": "CandidateInItsTerm",
    "CountsVoters": "CountsVoters",
    "CandidateHasNotLed": "CandidateHasNotLed",
    "AcksInItsTerm": "LeftIsOlder OffersWithinReach AcksInItsTerm",
    "AcksAllBefore": "AcksAllBefore",
    "AcksAreDurable": "AcksAreDurable",
    "MatchedIsAcked": "MatchedIsAcked",
    "StandsWithItsLog": "StandsWithItsLog",
    "AckedIsKeptOnDisk": "LeftIsOlder OffersNoNewer AckedIsKeptOnDisk",
    "VotesForTheComplete": "LeftIsOlder LeftForGood VotesInItsTerm VotesForTheComplete",
    "CountedIsHeld": "CountedIsHeld",
    "AppliedWasCounted": "LeftIsOlder LogsAreLikeTheirLeaders OffersAreLikeTheirLeaders CountedStays AppliedWasCounted",
    "KnownStays": "OneCurrentTerm LogsAreLikeTheirLeaders OffersAreLikeTheirLeaders CountedStays KnownStays",
}
REASONS: Final[Mapping[str, Mapping[str, str]]] = {
    "follows": {
        "ElectionSafety": "VotesOnce VotersElected LedIsStarted VotersDecide",
        "OneEntry": "OffersOnce LogsAreLikeTheirLeaders",
        "LogMatching": "LogsAreLikeTheirLeaders",
        "CountedStays": "LogsStartAlike OffersAreLikeTheirLeaders OffersOnce LaterLeadersHaveIt HoldersDecide "
        "CountedIsItsOwn CountedIsNotLacked",
        "AppliedStays": "LogsStartAlike NoOfferBeforeStart OffersAreLikeTheirLeaders CountedIsItsOwn CountedStays "
        "AppliedWasCounted KnownStays",
        "CommittedIsDurable": "LogsAreLikeTheirLeaders DisksAreLikeTheirLeaders AckedIsKept AckedIsKeptOnDisk "
        "CountedIsHeld CountedIsItsOwn CountedIsNotLacked",
        "LeaderCompleteness": "LeadsItsTerm LedIsStarted LeaderOffersItsLog CountedStays AppliedWasCounted",
        "StateMachineSafety": "LogsStartAlike OffersOnce HoldersDecide CountedStays AppliedWasCounted",
    },
    "timeout": {
        "OneCurrentTerm": "OneCurrentTerm",
        "LeftIsOlder": "LeftIsOlder",
        "LeftForGood": "LeftForGood",
        "VotesOnce": "OneCurrentTerm LeftIsOlder VotesOnce VotesInItsTerm",
        "VotesInItsTerm": "LeftIsOlder VotesInItsTerm",
        "VotesAreDurable": "LeftIsOlder VotesInItsTerm VotesAreDurable",
        "CandidateInItsTerm": "CandidateInItsTerm",
        "CandidateStood": "OneCurrentTerm LeftIsOlder LeftForGood CandidateStood",
        "CountsVoters": "CountsVoters",
        "VotersElected": "VotersElected",
        "LeadersVoted": "LeadersVoted",
        "LeadsItsTerm": "OneCurrentTerm LeadsItsTerm",
        "CandidateHasNotLed": "LeftIsOlder VotesInItsTerm LeadersVoted CandidateHasNotLed",
        "EntriesAreOfStarted": "LeftIsOlder LeftForGood EntriesAreOfStarted",
        "DiskEntriesAreOfStarted": "DiskEntriesAreOfStarted",
        "AcksInItsTerm": "LeftIsOlder LeftForGood AcksInItsTerm",
        "AckedIsThere": "LeftIsOlder AcksInItsTerm AckedIsThere",
        "AcksAreDurable": "AcksAreDurable",
        "StandsWithItsLog": "LeftIsOlder VotesInItsTerm CandidateStood StandsWithItsLog",
        "VotesForTheComplete": "OneCurrentTerm LeftIsOlder LeftForGood VotesInItsTerm CandidateInItsTerm "
        "CandidateStood AckedIsKept VotesForTheComplete",
        "KnownStays": "KnownStays",
        "KnownIsDurable": "KnownIsDurable",
    },
    "vote": {
        "VotesOnce": "VotesOnce VotesAreDurable",
        "VotesInItsTerm": "LeftIsOlder VotesInItsTerm",
        "VotesAreDurable": "VotesAreDurable",
        "CandidateStood": "CandidateStood",
        "CountsVoters": "CountsVoters",
        "VotersElected": "VotersElected",
        "LeadersVoted": "LeadersVoted",
        "VotesForTheComplete": "LogEndsThere OffersNoNewer EntriesAreOfStarted LogsAreLikeTheirLeaders "
        "OffersAreLikeTheirLeaders StandsWithItsLog AcksInItsTerm AckedIsKept VotesForTheComplete LaterLeadersHaveIt",
    },
    "hear_vote": {
        "CountsVoters": "OneCurrentTerm CandidateInItsTerm CountsVoters",
    },
    "become_leader": {
        "ChangeIsLatest": "ChangeIsLatest OneEntry",
        "BaseIsLatest": "BaseIsLatest OneEntry",
        "NeighboursAreAdjacent": "NeighboursAreAdjacent LogsAreLikeTheirLeaders LogEndsThere",
        "ElectorateCounted": "ElectorateCounted HoldersDecide",
        "JointThenFinal": "JointThenFinal LogsAreLikeTheirLeaders LogEndsThere",
        "ReplacedIsCommitted": "ReplacedIsCommitted LogsAreLikeTheirLeaders LogEndsThere CandidateLogIsOlder",
        "CountsBeforeChanges": "CountsBeforeChanges EarlyIsCommitted",
        "EarlyIsCommitted": "EarlyIsCommitted",
        "LaterElectoratesMeet": "LaterElectoratesMeet OneEntry OffersAreOfStarted FirstIsNotLed",
        "LackedByOne": "LackedByOne",
        "LackedByLater": "LackedByLater CandidateLogIsOlder OffersAreOfStarted FirstIsNotLed",
        "LackedFromBefore": "LackedFromBefore LackedByLater OneEntry LogEndsThere LogsAreLikeTheirLeaders "
        "OffersAreLikeTheirLeaders OffersNoNewer EntriesAreOfStarted LaterLeadersHaveIt",
        "LackedIsNotAcked": "LackedIsNotAcked LackedByLater CandidateStood CountsVoters CandidateInItsTerm "
        "CandidateLogIsOlder VotesForTheComplete",
        "CountedIsNotLacked": "CountedIsNotLacked CandidateLogIsOlder HoldersDecide",
        "LaterElectorates": "LaterElectorates OneEntry OffersAreOfStarted FirstIsNotLed",
        "CandidateInItsTerm": "CandidateInItsTerm",
        "CountsVoters": "CountsVoters",
        "VotersElected": "CandidateStood CountsVoters VotersElected LedIsStarted",
        "StartedIsLed": "VotesOnce VotesInItsTerm CountsVoters StartedIsLed",
        "LeadersVoted": "CandidateStood CountsVoters LeadersVoted",
        "LeadsItsTerm": "CandidateInItsTerm LeadsItsTerm",
        "LedIsStarted": "LedIsStarted",
        "CandidateHasNotLed": "CandidateHasNotLed",
        "LogsStartAlike": "LogsStartAlike LogsAreLikeTheirLeaders OffersAreLikeTheirLeaders",
        "OffersOnce": "OffersOnce LogsAreLikeTheirLeaders",
        "OffersNoNewer": "OneCurrentTerm LeftIsOlder CandidateInItsTerm OffersNoNewer EntriesAreOfStarted",
        "OffersWithinReach": "LogEndsThere OffersWithinReach",
        "NoOfferBeforeStart": "NoOfferBeforeStart",
        "EntriesAreOfStarted": "EntriesAreOfStarted",
        "DiskEntriesAreOfStarted": "DiskEntriesAreOfStarted",
        "OffersAreOfStarted": "EntriesAreOfStarted OffersAreOfStarted",
        "LogsAreLikeTheirLeaders": "LogsStartAlike NoOfferBeforeStart LogsAreLikeTheirLeaders",
        "DisksAreLikeTheirLeaders": "LogsStartAlike NoOfferBeforeStart LogsAreLikeTheirLeaders "
        "DisksAreLikeTheirLeaders",
        "OffersAreLikeTheirLeaders": "OneCurrentTerm LeftIsOlder CandidateInItsTerm LogsStartAlike OffersNoNewer "
        "NoOfferBeforeStart EntriesAreOfStarted OffersAreOfStarted LogsAreLikeTheirLeaders OffersAreLikeTheirLeaders",
        "LeaderOffersItsLog": "LeadsItsTerm LedIsStarted LogEndsOnce LeaderOffersItsLog",
        "AcksInItsTerm": "CandidateInItsTerm AcksInItsTerm",
        "AckedIsThere": "AcksInItsTerm AckedIsThere",
        "AcksAreDurable": "AcksInItsTerm AcksAreDurable",
        "MatchedIsAcked": "MatchedIsAcked",
        "StandsWithItsLog": "StandsWithItsLog",
        "AckedIsKept": "LogsStartAlike NoOfferBeforeStart OffersAreOfStarted LogsAreLikeTheirLeaders AckedIsKept",
        "AckedIsKeptOnDisk": "LogsAreLikeTheirLeaders AckedIsKeptOnDisk",
        "VotesForTheComplete": "LogsStartAlike NoOfferBeforeStart OffersAreOfStarted LogsAreLikeTheirLeaders "
        "VotesForTheComplete",
        "LaterLeadersHaveIt": "VotesInItsTerm CandidateStood CountsVoters LogsAreLikeTheirLeaders VotesForTheComplete "
        "LaterLeadersHaveIt",
        "CountedIsItsOwn": "HoldersDecide CountedIsItsOwn",
        "AppliedWasCounted": "LogsStartAlike NoOfferBeforeStart AppliedWasCounted",
        "KnownStays": "LogsStartAlike NoOfferBeforeStart LogsAreLikeTheirLeaders CountedIsItsOwn KnownStays",
        "KnownIsDurable": "LogsStartAlike NoOfferBeforeStart CountedIsItsOwn KnownIsDurable",
    },
    "client_request": {
        **APPENDED,
    },
    "change": {
        **APPENDED,
        **CONFIGURED,
        "CountsBeforeChanges": "CountsBeforeChanges",
        "ReplacedIsCounted": "ReplacedIsCounted OffersWithinReach LeaderOffersItsLog OffersOnce CountedIsHeld "
        "HoldersDecide AcksAllBefore ChangeIsThere ChangeIsLatest",
    },
    "leave_early": {
        **APPENDED,
        **CONFIGURED,
        "EarlyIsCommitted": "EarlyIsCommitted BaseIsThere BaseIsLatest ChangeIsLatest CountsBeforeChanges LeadsItsTerm "
        "LedIsStarted",
        "CountsBeforeChanges": "CountsBeforeChanges LeadsItsTerm LedIsStarted BaseIsThere BaseIsLatest ChangeIsThere "
        "ChangeIsLatest",
        "ReplacedIsCounted": "OwnAfterStart BaseIsThere StartIsThere ReplacedIsCounted OffersWithinReach "
        "LeaderOffersItsLog OffersOnce CountedIsHeld HoldersDecide AcksAllBefore ChangeIsThere ChangeIsLatest",
    },
    "append_keep": {
        **ACKNOWLEDGED,
        "AckedIsThere": "LogsAreLikeTheirLeaders OffersAreLikeTheirLeaders AckedIsThere",
        "AckedIsKept": "LeftIsOlder LogsAreLikeTheirLeaders OffersAreLikeTheirLeaders AckedIsKept",
    },
    "append_replace": {
        **ACKNOWLEDGED,
        "LogsStartAlike": "LogsStartAlike",
        "LogEndsOnce": "LogEndsOnce",
        "LogEndsThere": "LogEndsThere",
        "EntriesAreOfStarted": "OneCurrentTerm OffersNoNewer EntriesAreOfStarted OffersAreOfStarted",
        "LogsAreLikeTheirLeaders": "OffersOnce LogsAreLikeTheirLeaders OffersAreLikeTheirLeaders",
        "LeaderOffersItsLog": "OneCurrentTerm LeadsItsTerm LeaderOffersItsLog",
        "AckedIsThere": "OneCurrentTerm LogsAreLikeTheirLeaders OffersAreLikeTheirLeaders AcksInItsTerm AckedIsThere",
        "AckedIsKept": "OneCurrentTerm LeftIsOlder LogsAreLikeTheirLeaders OffersAreLikeTheirLeaders AcksInItsTerm "
        "AckedIsKept LaterLeadersHaveIt",
    },
    "hear_ack": {
        "MatchedIsAcked": "OneCurrentTerm LeadsItsTerm AcksAllBefore MatchedIsAcked",
    },
    "count": {
        "ElectorateCounted": "ElectorateCounted CountsBeforeChanges BaseIsLatest BaseIsThere ChangeIsThere "
        "ChangeIsLatest LeaderOffersItsLog LeadsItsTerm LedIsStarted MatchedIsAcked",
        "LackedIsNotAcked": "LackedIsNotAcked LackedByLater VotesInItsTerm LeftIsOlder VotersElected StartedIsLed "
        "LeadsItsTerm",
        "CountedIsNotLacked": "CountedIsNotLacked LackedByOne LackedByLater LackedFromBefore LackedIsNotAcked "
        "VotersDecide StartIsThere LaterElectorates AcksAllBefore MatchedIsAcked VotesInItsTerm LeftIsOlder "
        "VotersElected StartedIsLed LeadsItsTerm",
        "HoldersDecide": "HoldersDecide LeadsItsTerm LedIsStarted",
        "CountersAreNeighbours": "CountersAreNeighbours NeighboursAreAdjacent ChangeIsThere ChangeIsLatest "
        "LeadsItsTerm LedIsStarted",
        "AcksInItsTerm": "VotesInItsTerm LeadersVoted LeadsItsTerm LedIsStarted OffersWithinReach "
        "LogsAreLikeTheirLeaders AcksInItsTerm",
        "AcksAllBefore": "AcksAllBefore",
        "AckedIsThere": "LeaderOffersItsLog AckedIsThere",
        "AcksAreDurable": "DisksAreLikeTheirLeaders AcksAreDurable",
        "MatchedIsAcked": "MatchedIsAcked",
        "AckedIsKept": "LeftIsOlder LeadsItsTerm EntriesAreOfStarted LogsAreLikeTheirLeaders AckedIsKept",
        "AckedIsKeptOnDisk": "LeftIsOlder LeadsItsTerm EntriesAreOfStarted DisksAreLikeTheirLeaders AckedIsKeptOnDisk",
        "VotesForTheComplete": "LeftIsOlder VotesInItsTerm LeadsItsTerm EntriesAreOfStarted VotesForTheComplete",
        "CountedIsHeld": "OffersWithinReach LogsAreLikeTheirLeaders MatchedIsAcked CountedIsHeld",
        "CountedIsItsOwn": "LogsAreLikeTheirLeaders CountedIsItsOwn",
        "AppliedWasCounted": "LeadsItsTerm LogsAreLikeTheirLeaders AppliedWasCounted",
        "KnownStays": "EntriesAreOfStarted LogsAreLikeTheirLeaders KnownStays",
        "KnownIsDurable": "KnownIsDurable",
    },
    "enter_term": {
        "OneCurrentTerm": "OneCurrentTerm",
        "LeftIsOlder": "LeftIsOlder",
        "LeftForGood": "LeftForGood",
        "VotesInItsTerm": "LeftIsOlder LeftForGood VotesInItsTerm",
        "VotesAreDurable": "LeftIsOlder VotesInItsTerm VotesAreDurable",
        "CandidateInItsTerm": "CandidateInItsTerm",
        "CountsVoters": "CountsVoters",
        "LeadsItsTerm": "LeadsItsTerm",
        "CandidateHasNotLed": "CandidateHasNotLed",
        "EntriesAreOfStarted": "LeftIsOlder LeftForGood EntriesAreOfStarted",
        "DiskEntriesAreOfStarted": "DiskEntriesAreOfStarted",
        "LeaderOffersItsLog": "LeaderOffersItsLog",
        "AcksInItsTerm": "LeftIsOlder AcksInItsTerm",
        "AckedIsThere": "LeftIsOlder AcksInItsTerm AckedIsThere",
        "AcksAreDurable": "AcksAreDurable",
        "MatchedIsAcked": "MatchedIsAcked",
        "StandsWithItsLog": "StandsWithItsLog",
        "VotesForTheComplete": "LeftIsOlder VotesForTheComplete",
        "KnownStays": "KnownStays",
        "KnownIsDurable": "KnownIsDurable",
    },
    "forget": {
        "CandidateInItsTerm": "CandidateInItsTerm",
        "CountsVoters": "CountsVoters",
        "LeadsItsTerm": "LeadsItsTerm",
        "CandidateHasNotLed": "CandidateHasNotLed",
        "LeaderOffersItsLog": "LeaderOffersItsLog",
        "MatchedIsAcked": "MatchedIsAcked",
        "StandsWithItsLog": "StandsWithItsLog",
        "VotesForTheComplete": "VotesForTheComplete",
    },
    "stall": {
        "LeftIsOlder": "LeftIsOlder",
        "VotesAreDurable": "LeftIsOlder VotesInItsTerm VotesAreDurable",
        "LogsStartAlike": "LogsStartAlike",
        "DiskEntriesAreOfStarted": "LeftIsOlder LeftForGood EntriesAreOfStarted DiskEntriesAreOfStarted",
        "DisksAreLikeTheirLeaders": "LogsAreLikeTheirLeaders DisksAreLikeTheirLeaders",
        "AcksAreDurable": "LeftIsOlder AcksInItsTerm AckedIsThere AcksAreDurable",
        "AckedIsKeptOnDisk": "AckedIsKept AckedIsKeptOnDisk",
        "KnownIsDurable": "LeftIsOlder KnownStays KnownIsDurable",
    },
    "lose": {
        "OneCurrentTerm": "OneCurrentTerm",
        "LeftIsOlder": "LeftIsOlder",
        "VotesAreDurable": "VotesAreDurable",
        "CandidateInItsTerm": "CandidateInItsTerm",
        "CountsVoters": "CountsVoters",
        "LeadsItsTerm": "LeadsItsTerm",
        "CandidateHasNotLed": "CandidateHasNotLed",
        "LogsStartAlike": "LogsStartAlike",
        "LogEndsOnce": "LogEndsOnce",
        "LogEndsThere": "LogEndsThere",
        "EntriesAreOfStarted": "EntriesAreOfStarted DiskEntriesAreOfStarted",
        "DiskEntriesAreOfStarted": "DiskEntriesAreOfStarted",
        "LogsAreLikeTheirLeaders": "LogsAreLikeTheirLeaders DisksAreLikeTheirLeaders",
        "DisksAreLikeTheirLeaders": "DisksAreLikeTheirLeaders",
        "LeaderOffersItsLog": "LeaderOffersItsLog",
        "AckedIsThere": "AckedIsThere AcksAreDurable",
        "AcksAreDurable": "AcksAreDurable",
        "MatchedIsAcked": "MatchedIsAcked",
        "StandsWithItsLog": "StandsWithItsLog",
        "AckedIsKept": "AckedIsKept AckedIsKeptOnDisk",
        "AckedIsKeptOnDisk": "AckedIsKeptOnDisk",
        "VotesForTheComplete": "VotesForTheComplete",
        "KnownStays": "KnownStays KnownIsDurable",
        "KnownIsDurable": "KnownIsDurable",
    },
}
